/** Loads the package, and makes a job of the engine that is named, if any. */
import { createJob, type EngineName } from 'tcpx';

const [engine] = process.argv.slice(2);
if (engine !== undefined) createJob({ engine: engine as EngineName });
process.exit(0);
