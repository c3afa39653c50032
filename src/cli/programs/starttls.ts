import { runSubcommand } from '../main.ts';
import * as starttls from '../starttls.ts';

runSubcommand('starttls', starttls);
