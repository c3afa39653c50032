import * as exec from '../exec.ts';
import { runSubcommand } from '../program.ts';

runSubcommand('exec', exec);
