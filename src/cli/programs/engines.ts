import * as engines from '../engines.ts';
import { runSubcommand } from '../program.ts';

runSubcommand('engines', engines);
