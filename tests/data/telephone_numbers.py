"""Writes telephone_numbers.tsv, which tests/it/profiles/phones.rs reads: the example numbers of libphonenumber's own data (Apache-2.0).

    pip install phonenumbers==9.0.42
    python tests/data/telephone_numbers.py > tests/data/telephone_numbers.tsv
"""

import phonenumbers as lib
from phonenumbers import PhoneNumberFormat as Format, PhoneNumberType as Type

TYPES = [
    (Type.MOBILE, "mobile"),
    (Type.FIXED_LINE, "fixed_line"),
    (Type.VOIP, "voip"),
    (Type.PERSONAL_NUMBER, "personal"),
    (Type.PREMIUM_RATE, "premium_rate"),
    (Type.TOLL_FREE, "toll_free"),
    (Type.SHARED_COST, "shared_cost"),
    (Type.PAGER, "pager"),
    (Type.UAN, "uan"),
]
NAMES = dict(TYPES) | {Type.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile"}


def line(kind, region, number):
    """A line of the table, if all forms of the number mean the same to the library itself."""
    forms = [lib.format_number(number, form) for form in (Format.E164, Format.NATIONAL, Format.INTERNATIONAL)]
    for form in forms:
        try:
            if lib.parse(form, region) != number:
                return
        except lib.NumberParseException:
            return
    print("\t".join([kind, region, *forms]))


print(f"# Example numbers of libphonenumber (Apache-2.0), by telephone_numbers.py with phonenumbers {lib.__version__}: kind, region, E.164, as it is written there, and abroad.")
for region in sorted(lib.SUPPORTED_REGIONS):
    for type_, _ in TYPES:
        number = lib.example_number_for_type(region, type_)
        if number is not None:
            # By the numbering plan some are of another kind than the list that they stand in.
            line(NAMES[lib.number_type(number)], region, number)
    number = lib.invalid_example_number(region)
    if number is not None:
        line("invalid", region, number)
