/** Sets of 0 … count − 1 that only ever grow together. */
export class DisjointSets {
  readonly #parent: number[];

  constructor(count: number) {
    this.#parent = Array.from({ length: count }, (_, index) => index);
  }

  /** Puts these into one set. */
  join(members: readonly number[]): void {
    const [first] = members;
    if (first === undefined) return;
    for (const member of members) {
      const a = this.#rootOf(first);
      const b = this.#rootOf(member);
      this.#parent[Math.max(a, b)] = Math.min(a, b);
    }
  }

  /** Every set, members ascending, sets by their least member. */
  groups(): (readonly number[])[] {
    const groups = new Map<number, number[]>();
    this.#parent.forEach((_, member) => {
      const root = this.#rootOf(member);
      const group = groups.get(root);
      if (group === undefined) groups.set(root, [member]);
      else group.push(member);
    });
    return [...groups.values()];
  }

  #rootOf(member: number): number {
    let root = member;
    for (let up = this.#parent[root]; up !== undefined && up !== root; up = this.#parent[root]) root = up;
    this.#parent[member] = root;
    return root;
  }
}
