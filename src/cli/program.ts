/** What every program of the command does around its own work: arguments, output, exit status. */
import { EngineError, UsageError } from '../core/errors.ts';
import { EXIT, type Output, type Subcommand } from './exit.ts';
import { standardStreams } from './standard-streams.ts';

/** Runs a program with the arguments of the process, to whose exit status it resolves. */
export function runProgram(program: (args: readonly string[], output: Output) => Promise<number> | number): void {
  // For a process that ends before the program has said how.
  process.exitCode = EXIT.failed;
  Promise.resolve(program(process.argv.slice(2), standardStreams())).then((status) => {
    process.exitCode = status;
  });
}

/** Runs `tcpx NAME ...`, or `tcpx help NAME`. */
export function runSubcommand(name: string, subcommand: Subcommand): void {
  runProgram(async ([first, ...rest], output) => {
    if (first === 'help') {
      output.out(await subcommand.help());
      return EXIT.ok;
    }
    try {
      return await subcommand.run(rest, output);
    } catch (error) {
      if (error instanceof UsageError) {
        output.err(`tcpx ${name}: ${error.message}\nSee 'tcpx ${name} --help'.\n`);
        return EXIT.usage;
      }
      if (error instanceof EngineError) {
        output.err(`tcpx ${name}: ${error.message}\nSee 'tcpx engines'.\n`);
        return EXIT.noEngine;
      }
      throw error;
    }
  });
}
