#!/usr/bin/env bash
# Packs the package, installs it in an empty folder, with and without its optional dependency, and uses API and command.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" >/dev/null
tarball=$(echo "$work"/*.tgz)
typescript=$PWD/node_modules/typescript/bin/tsc
types=$(node -p "require('./package.json').devDependencies['@types/node']")

use() {
  local folder="$work/$1"
  shift
  mkdir "$folder"
  cd "$folder"
  npm init -y >/dev/null
  npm pkg set type=module allowScripts.koffi=true --json >/dev/null 2>&1 || true
  npm install --silent "$@" "$tarball"
  cat >use.mjs <<'PROGRAM'
import { createServer } from 'node:net';
import { createJob, engineReports, F, S, xcall } from 'tcpx';
import { EMS_TOOFEW, TCPOP_CLOSE, TCPOP_CONNECT, TCPOP_READ, TCPXFLG_BLOCK } from 'tcpx/ashell.def';
import { sendMail } from 'tcpx/emailx';
import { starttls } from 'tcpx/starttls';

const server = createServer((socket) => socket.end('hello'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const job = createJob();
const status = F(), buffer = S(80), sock = F(server.address().port);
await job.xcall.async('TCPX', TCPOP_CONNECT, status, buffer, sock, TCPXFLG_BLOCK, 5000, '127.0.0.1');
await job.xcall.async('TCPX', TCPOP_READ, status, buffer, sock, 5, 5000);
if (status.value !== 5 || buffer.value !== 'hello') throw new Error(`READ gave ${status.value} '${buffer.value}'`);
await job.xcall.async('TCPX', TCPOP_CLOSE, status, buffer, sock);
if (status.value !== 0 || sock.value !== -1) throw new Error(`CLOSE gave ${status.value}, sockport ${sock.value}`);
job.close();
server.close();
const refused = F(1);
xcall('TCPX', TCPOP_CONNECT, status, buffer, refused, TCPXFLG_BLOCK, 5000, '127.0.0.1');
if (status.value !== -111) throw new Error(`CONNECT to a closed port gave ${status.value}`);
if (xcall('EMAILX', 0) !== EMS_TOOFEW) throw new Error('EMAILX is not there');
const unreachable = await starttls({ url: 'smtp://127.0.0.1:1' }).then(() => 'reached', ({ result }) => result.outcome);
if (unreachable !== 'unreachable') throw new Error(`starttls to a closed port: ${unreachable}`);
const letter = { server: '127.0.0.1:1', tls: 'never', from: 'a@example.com', to: 'b@example.com', text: 'Hello' };
const undelivered = await sendMail(letter).then(() => 'sent', ({ delivery }) => delivery);
if (undelivered !== 'impossible') throw new Error(`sendMail to a closed port: ${undelivered}`);
console.log(`API: ${job.engine} engine, ${engineReports().map(({ name, available }) => `${name} ${available}`).join(', ')}`);
PROGRAM
  node use.mjs
  npx --no-install tcpx --version
  # The example is there and can be read; nobody listens on port 1.
  local report
  report=$(SMTP_HOST=127.0.0.1 SMTP_PORT=1 MAIL_FROM=a@example.com MAIL_TO=b@example.com \
    npx --no-install tcpx exec node_modules/tcpx/examples/smtp-starttls.tcpx 2>&1) && return 1
  [[ $report == *'CONNECT failed, STATUS -111'* ]] || { echo "$report" >&2; return 1; }
  npx --no-install tcpx mail --dry-run --server 127.0.0.1 --from a@example.com --to b@example.com --text Hello |
    grep -q '^To: b@example.com' || { echo 'tcpx mail composes nothing' >&2; return 1; }
  npx --no-install tcpx starttls --check smtp://127.0.0.1:1 && return 1
  npx --no-install tcpx engines
}

(use whole)
(use bare --omit=optional)

# The declarations compile for whoever checks libraries too, in each way of finding them; `types` stays as TypeScript has it.
cd "$work/whole"
npm install --silent --ignore-scripts "@types/node@$types"
cat >use.mts <<'PROGRAM'
import { createJob, F, type Job, type JobOptions, S, type SocketFacts, type StatusFamily, xcall } from 'tcpx';
import { TCPOP_READ } from 'tcpx/ashell.def';
import { MailError, type MailOptions, sendMail, type SentMail } from 'tcpx/emailx';
import { type Negotiation, serveStarttls, starttls, type UpgradedSync } from 'tcpx/starttls';

const statusFamily: StatusFamily = 'linux';
const options: JobOptions = { engine: 'auto', statusFamily, trace: ['socks'] };
export const job: Job = createJob(options);
export const status: number = job.xcall('TCPX', TCPOP_READ, F(), S(80), 1) + (await xcall.async('TCPX', 4, F(), S(0), 1));
export const facts: SocketFacts = job.socket(1);
export const mail = (letter: MailOptions): Promise<SentMail> => sendMail(letter);
export const upgraded: UpgradedSync = starttls.sync({ url: 'smtp://localhost' });
export const result: Negotiation = upgraded.result;
export { MailError, serveStarttls };
PROGRAM
for resolution in node16 nodenext bundler; do
  module=$resolution
  [[ $resolution == bundler ]] && module=esnext
  node "$typescript" --noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --target es2022 --module "$module" \
    --moduleResolution "$resolution" use.mts
done
# Without koffi a request for gnutls says what is missing.
cd "$work/bare"
if node -e 'import("tcpx").then(({ createJob }) => createJob({ engine: "gnutls" }))' 2>"$work/error"; then
  echo 'engine gnutls was not refused without koffi' >&2
  exit 1
fi
grep -q koffi "$work/error"
