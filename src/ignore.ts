/** Hears what is told elsewhere, or matters to nobody. Where it is given, it is clear which. */
export function ignore(): void {}
