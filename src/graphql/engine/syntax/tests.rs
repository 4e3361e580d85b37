//! What is read as a document, what is not, and what its values are.

use super::*;
use crate::error::Code;

fn limits() -> Limits {
    crate::config::Config::from_values(std::collections::BTreeMap::new()).unwrap().limits
}

fn refusal(text: &str) -> Refusal {
    parse(text, &limits()).unwrap_err()
}

/// The one value of the first field's first argument.
fn value(text: &str) -> Value {
    let (document, _) = parse(&format!("{{ a(b: {text}) }}"), &limits()).unwrap();
    let (_, operation) = document.operations.iter().next().unwrap();
    match &operation.node.selection_set.node.items[0].node {
        Selection::Field(field) => field.node.arguments[0].1.node.clone(),
        _ => panic!("no field"),
    }
}

#[test]
fn tokens_are_counted_as_the_specification_does() {
    for (text, tokens) in [
        ("{ a }", 3),
        ("{a:b(c:-1,d:\"x y\",e:[\"\"\"f g\"\"\",$h])}", 20),
        ("{ ...F ... on T { a } } # g h i", 10),
        ("\u{feff}{\r# x {\ra,,,}", 3),
    ] {
        assert_eq!(parse(text, &limits()).unwrap().1, tokens, "{text}");
    }
}

#[test]
fn an_input_field_is_given_once() {
    for twice in [
        "{ a(b: { c: 1, d: 2, c: 3 }) }",
        "{ a(b: [{ c: { d: 1 d: 2 } }]) }",
        "query($x: I = { c: 1, c: 2 }) { a(b: $x) }",
        "{ a @b(c: { d: E d: F }) }",
    ] {
        let refusal = refusal(twice);
        assert!(refusal.code == Code::BadRequest && refusal.message.contains("twice"), "{twice}: {refusal}");
    }
    assert_eq!(refusal("{\r\n a(b: {\n c: 1\r  c: 2 }) }").locations, [(4, 3)]);
    for fine in ["{ a(b: [{ c: 1 }, { c: 2 }]) c: d c: d }", "{ a(b: { c: { c: c } d: \"c: c:\" }) { b: b b: b } }"] {
        assert!(parse(fine, &limits()).is_ok(), "{fine}");
    }
}

#[test]
fn a_syntax_error_says_what_and_where() {
    let refused = refusal("{ a(b: }");
    assert_eq!((refused.code, refused.locations.as_slice()), (Code::BadRequest, [(1, 8)].as_slice()));
    assert_eq!(refused.message, "Syntax error: expected a value, found \"}\".");
    // Columns are characters.
    assert_eq!(refusal("{ a(b: \"é😀\") ! }").locations, [(1, 14)]);
    assert_eq!(refusal("{ a(b: \"\"\"\n\n\"\"\") ! }").locations, [(3, 6)]);
    assert_eq!(refusal("{ a").message, "Syntax error: expected a field, found the end.");
}

/// Each of these is what another reader, the executor's own, takes for something else.
#[test]
fn what_only_looks_like_a_document_is_none() {
    for wrong in [
        "",
        " # nothing",
        "queryA { a }",
        "query() { a }",
        "{ }",
        "{ a { } }",
        "{ a() }",
        "{ a(b: [00]) }",
        "{ a(b: 01) }",
        "{ a(b: 1.) }",
        "{ a(b: 1e) }",
        "{ a(b: -) }",
        "{ a(b: 1x) }",
        "{ a(b: 1.2.3) }",
        "{ a(b: 1e999) }",
        "{ a(b: truec: 1) }",
        "{ a(b: \"\\x\") }",
        "{ a(b: \"\\ud800\") }",
        "{ a(b: \"x\ny\") }",
        "{ a(b: \"\"\"x) }",
        "{ a é }",
        "{ a ? }",
        "{ a(b: .) }",
        "{ ..F } fragment F on Q { a }",
        "{ a } fragment on on Q { a }",
        "{ a } fragmentF on Q { a }",
        "{ a } fragment F onQ { a }",
        "{ a } { b }",
        "query A { a } { b }",
        "query A { a } query A { b }",
        "{ ...F } fragment F on Q { a } fragment F on Q { b }",
        "fragment F on Q { a }",
        "type Q { a: Int }",
        "query($a: Int = $b) { a(b: $a) }",
        "query($a: [Int) { a(b: $a) }",
        "query($a: Int!!) { a(b: $a) }",
        "query A($a: Int @x = 1) { a(b: $a) }",
    ] {
        let refused = refusal(wrong);
        assert!(refused.message.starts_with("Syntax error: ") && !refused.locations.is_empty(), "{wrong}: {refused}");
    }
}

#[test]
fn what_the_specification_allows_is_read() {
    for fine in [
        "{a}",
        "{ query mutation subscription fragment on true null }",
        "{ on: on ... on Q { on } ...F } fragment F on Q { a }",
        "{ ... { a } ... @include(if: true) { a } ...F @skip(if: false) } fragment F # why\n on # so\n Q { a }",
        "query ($a : [ ID ! ] ! = [ \"x\" ] @d, $b: Int) { a(b: $a, c: $b) }",
        "subscription S @x { a }",
        "query A { a } mutation B { b }",
        "{ a(b: {}, c: [], d: nullish, e: truely) }",
        "\u{feff}{ a # é\r\n}",
    ] {
        assert!(parse(fine, &limits()).is_ok(), "{fine}: {:?}", parse(fine, &limits()));
    }
}

#[test]
fn values_are_what_they_say() {
    assert_eq!(value("\"\\u{1F600} \\uD83D\\uDE00\""), Value::String("😀 😀".to_owned()));
    assert_eq!(value("\"\"\"\n    x\n      y\n  \"\"\""), Value::String("x\n  y".to_owned()));
    assert_eq!(value("\"\""), Value::String(String::new()));
    assert_eq!(value("-0"), Value::Number(0.into()));
    assert_eq!(value("18446744073709551615"), Value::Number(u64::MAX.into()));
    assert!(matches!(value("99999999999999999999"), Value::Number(number) if number.is_f64()));
    assert!(matches!(value("1.0"), Value::Number(number) if number.is_f64()));
    assert_eq!(value("nullish"), Value::Enum(Name::new("nullish")));
    assert_eq!(value("[$a null]"), Value::List(vec![Value::Variable(Name::new("a")), Value::Null]));
}

/// Whatever is sent, the parser ends and answers.
#[test]
fn no_text_stops_the_parser() {
    use proptest::prelude::*;
    let pieces = prop::sample::select(vec![
        "{", "}", "(", ")", "[", "]", "$", "!", ":", "=", "@", "...", "|", "&", "\"", "\"\"\"", "\\", "\\u{",
        "\\ud83d", "on", "query", "fragment", "a", "-", "0", "1", ".", "e", "é", "😀", "#", "\n", "\r", " ",
        "\u{feff}", "true", "null",
    ]);
    proptest!(|(pieces in prop::collection::vec(pieces, 0..40))| {
        let _ = parse(&pieces.concat(), &limits());
    });
}
