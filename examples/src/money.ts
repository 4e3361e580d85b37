// Amounts are texts with the currency's own digits, exact; floating point is never needed.

export type Money = { amount: string; currency: string };

// #region money
/** For people: "$12.50", "١٢٫٥٠٠ د.ك.". The text goes to `Intl` as it is, with as many digits as it has. */
export function format({ amount, currency }: Money, locale: string): string {
  const digits = amount.split(".")[1]?.length ?? 0;
  const style = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(locale, style).format(amount as Intl.StringNumericLiteral);
}

/** For arithmetic: the smallest units, of which 12.50 USD has 1250n. */
export function minorUnits({ amount }: Money): bigint {
  return BigInt(amount.replace(".", ""));
}

/** The sum of two amounts of one currency. */
export function add(a: Money, b: Money): Money {
  if (a.currency !== b.currency) throw new RangeError(`${a.currency} and ${b.currency} have no sum`);
  const digits = a.amount.split(".")[1]?.length ?? 0;
  const sum = minorUnits(a) + minorUnits(b);
  const text = (sum < 0n ? -sum : sum).toString().padStart(digits + 1, "0");
  const whole = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  return { amount: sum < 0n ? `-${whole}` : whole, currency: a.currency };
}
// #endregion
