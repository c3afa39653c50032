import { runSubcommand } from '../main.ts';
import * as pwcrypt from '../pwcrypt.ts';

runSubcommand('pwcrypt', pwcrypt);
