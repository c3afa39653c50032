import { runSubcommand } from '../program.ts';
import * as starttls from '../starttls.ts';

runSubcommand('starttls', starttls);
