/** The engine `gnutls`: libc and GnuTLS through koffi, blocking in poll(2). */
import { gnutlsVersion } from '../native/gnutls.ts';
import { loadKoffi } from '../native/library.ts';
import { Poller } from '../native/poller.ts';
import { nativeEngine } from '../net/native-engine.ts';
import { provideEngine } from './engines.ts';

let poller: Poller | undefined;

provideEngine({
  engine: nativeEngine,
  versions() {
    return `koffi ${loadKoffi().version}, GnuTLS ${gnutlsVersion()}`;
  },
  waiter() {
    poller ??= new Poller();
    return poller;
  },
});
