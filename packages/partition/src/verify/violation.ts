/** A rule of SPEC.md, section 2, that an assignment breaks. */
export interface Violation {
  readonly rule: string;
  readonly fault: string;
}
