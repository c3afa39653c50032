import fc from 'fast-check';

type AnyProperty = fc.IProperty<unknown[]> | fc.IAsyncProperty<unknown[]>;

/**
 * Checks a property with random cases for so many ms. The case at the end of the time, which fast-check no longer looks
 * at, is waited for, as it would go on beside the next test and with the same servers; it counts like any other.
 *
 * @param seed of the cases; another one each time where none is given
 */
export async function withinTime(milliseconds: number, property: AnyProperty, seed?: number): Promise<void> {
  let last: ReturnType<AnyProperty['run']> = null;
  const watched = Object.create(property, {
    run: {
      value: (values: unknown[]) => {
        last = property.run(values);
        return last;
      },
    },
  }) as fc.IAsyncProperty<never>;
  await fc.assert(watched, {
    ...(seed === undefined ? {} : { seed }),
    numRuns: 100_000,
    interruptAfterTimeLimit: milliseconds,
    markInterruptAsFailure: false,
  });
  const failure = await (last as ReturnType<AnyProperty['run']>);
  if (failure !== null && 'error' in failure) throw failure.error;
}
