import { runSubcommand } from '../program.ts';
import * as pwcrypt from '../pwcrypt.ts';

runSubcommand('pwcrypt', pwcrypt);
