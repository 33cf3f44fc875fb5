/** Callers as people read them. */

/** (617) 555-0100 for numbers of North America, others as they are. */
export const describeCaller = (caller: string): string =>
  caller === "" ? "Number withheld" : caller.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "($1) $2-$3");
