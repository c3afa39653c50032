/** "Did you mean": the nearest of some names to one that does not exist. */

/** The candidate that `word` is probably a slip of, in any case; undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // Two slips in a short word make another word.
  let least = word.length < 4 ? 2 : 3;
  for (const candidate of candidates) {
    const distance = slips(word.toUpperCase(), candidate.toUpperCase());
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** ` (did you mean X?)`, or nothing. */
export function hint(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word.slice(0, 40), candidates);
  return candidate === undefined ? '' : ` (did you mean ${candidate}?)`;
}

/** Levenshtein's distance, one row at a time. */
function slips(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replace, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
