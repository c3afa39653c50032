import * as mail from '../mail.ts';
import { runSubcommand } from '../main.ts';

runSubcommand('mail', mail);
