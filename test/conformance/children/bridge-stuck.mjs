// A worker that never comes to serve.
await new Promise((resolve) => setTimeout(resolve, 60_000));
