import * as engines from '../engines.ts';
import { runSubcommand } from '../main.ts';

runSubcommand('engines', engines);
