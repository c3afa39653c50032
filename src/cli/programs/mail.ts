import * as mail from '../mail.ts';
import { runSubcommand } from '../program.ts';

runSubcommand('mail', mail);
