/** Fewer columns than this make cards wider than they are good to read, so a small board leaves room instead. */
const LEAST_COLUMNS = 3;

/**
 * How many columns to lay groups of cards out in, when `most` fit: the fewest that need no more rows than `most` would.
 *
 * Eight cards where five fit stand as 4 + 4, not as 5 + 3, and are wider for it.
 */
export function evenColumns(groupSizes: readonly number[], most: number): number {
  const rows = (columns: number): number => groupSizes.reduce((sum, size) => sum + Math.ceil(size / columns), 0);
  const fewestRows = rows(most);
  let columns = Math.max(1, most);
  while (columns > LEAST_COLUMNS && rows(columns - 1) === fewestRows) columns -= 1;
  return columns;
}
