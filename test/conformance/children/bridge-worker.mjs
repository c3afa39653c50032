// A worker behind a bridge: does what it is asked to.
import { serve } from '../../../dist/src/sync/serve.js';

serve(async (question) => {
  // Ends the thread at once, without the event 'exit': nobody is told.
  if (question === 'vanish') process.reallyExit(1);
  if (question === 'leave') process.exit(1);
  if (question === 'late') await new Promise((resolve) => setTimeout(resolve, 3000));
  if (question === 'fail') throw new Error('not foreseen');
  return { payload: `heard ${question}`, transfer: [] };
});
