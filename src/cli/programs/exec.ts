import * as exec from '../exec.ts';
import { runSubcommand } from '../main.ts';

runSubcommand('exec', exec);
