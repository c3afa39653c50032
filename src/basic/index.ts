/** By-reference variables and A-Shell's symbols. */
export { ArrayVariable, dim } from './arrays.ts';
export {
  type AshellDefOptions,
  builtInSymbols,
  loadAshellDef,
  parseAshellDef,
  resolveSymbol,
  type SymbolEntry,
  SymbolSet,
} from './ashell-def.ts';
export type { ConstantValue } from './constant-expression.ts';
export type { Included } from './definition-reader.ts';
export { formatNumber, leadingNumber, type NumberType } from './number-format.ts';
export { MAX_SOCKARY_LENGTH, Sockary, type SockaryEntry, sockary, sockaryOf } from './sockary.ts';
export {
  ARRAY_TYPE_CODE,
  B,
  F,
  I,
  isVariable,
  NumberVariable,
  type Place,
  RawVariable,
  S,
  StringVariable,
  type TypeLetter,
  type Variable,
  X,
} from './variables.ts';
