// The language itself, measured against the reference implementation: some thousands of generated documents, well-formed
// and broken, with variables, are judged by npm `graphql` (parse, validate, getVariableValues) and by the server, and
// what the server answers is compared with what collectFields asks for. Some documents are sent again with other variables,
// because the server remembers documents: what depends on variables must not be decided at first sight. Seeded: the same
// documents every time.
//
//   SEED, DOCUMENTS  another sample, and how many are sent
//
// What differs on purpose, with its reason; anything else is a failure:
const DIFFERENCES = {
  limits: "what costs too much is refused, right or not",
  mistyped:
    "a well-formed text that is no DateTime, Date, Decimal or CurrencyCode, and an Int of more than 32 bits, in the " +
    "arguments of a mutation: the mutation is not run and its payload says so, because whoever typed it can mend it",
  nullWhereNone:
    "null, given for a variable that may be null by its type and stands where null may not: refused before anything " +
    "runs, where the reference implementation fails the field, after others have written",
  hugeIds: "a number of more than 64 bits for an ID: refused, because it can't be kept exactly",
  conditionalSubscription:
    "the root field of a subscription under @skip or @include: refused, as the specification has it since 2025",
};

import { readFileSync } from "node:fs";
import {
  buildSchema,
  getNamedType,
  getNullableType,
  getVariableValues,
  GraphQLError,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  Kind,
  parse,
  validate,
} from "graphql";
import { collectFields, collectSubfields } from "graphql/execution/collectFields.js";
import { assert, check, finish, httpUrl } from "./lib.mjs";

const SEED = Number(process.env.SEED ?? 20_261_129);
const DOCUMENTS = Number(process.env.DOCUMENTS ?? 3_000);
/** How many requests are on their way at once. */
const AT_ONCE = 16;
/** How many documents with variables are sent again with others. */
const AGAIN = 0.4;

// ---- the graph, as the reference implementation sees it --------------------------------------------------------------

const schema = buildSchema(readFileSync(new URL("../../schema.graphql", import.meta.url), "utf8"));

/** Our scalars: texts, some of which are right. */
const SCALARS = {
  DateTime: { right: ["2026-01-31T12:00:00Z", "2030-12-31T18:00:00+02:00"], wrong: ["2026-02-30T00:00:00Z", "tomorrow", ""] },
  Date: { right: ["2001-12-31", "2000-02-29"], wrong: ["2001-02-29", "1.1.2001"] },
  Decimal: { right: ["12.50", "-1", "0"], wrong: ["1,5", "1e5", ""] },
  CurrencyCode: { right: ["USD", "EGP", "JPY"], wrong: ["usd", "XXQ"] },
  // Any text: what is wrong with it, the mutation says.
  URL: { right: ["https://example.org/a.png", "nonsense"], wrong: [] },
  EmailAddress: { right: ["amina@example.org", "nonsense"], wrong: [] },
  PhoneNumber: { right: ["+201001234567", "nonsense"], wrong: [] },
  CountryCode: { right: ["EG", "nonsense"], wrong: [] },
};
for (const [name, { right }] of Object.entries(SCALARS)) {
  const scalar = schema.getType(name);
  scalar.parseValue = (value) => {
    if (!right.includes(value)) throw new GraphQLError(`no ${name}`);
    return value;
  };
  scalar.parseLiteral = (node) => scalar.parseValue(node.kind === Kind.STRING ? node.value : undefined);
}

/** Mutations that do nothing for nobody. Those about signing in stand alone and cost time. */
const MUTATIONS = [
  "postCreate", "postUpdate", "postDelete", "postLike", "postShare", "commentCreate", "commentUpdate", "goalCreate",
  "goalNewsPublish", "profileUpdate", "notificationMarkRead", "walletTransfer",
].filter((name) => schema.getMutationType().getFields()[name]);
/** Fields that tell of the whole graph: they have limits of their own. */
const LEFT_OUT = /^(__|adminJobs|currencies|countries)/;

// ---- chance, the same every time -------------------------------------------------------------------------------------

let state = SEED;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
}
const chance = (probability) => random() < probability;
const pick = (items) => items[Math.floor(random() * items.length)];
const between = (low, high) => low + Math.floor(random() * (high - low + 1));

// ---- documents -------------------------------------------------------------------------------------------------------

/** One document in the making. `faults` is how many mistakes may still be put in. */
class Writer {
  constructor(faults) {
    this.faults = faults;
    this.variables = new Map(); // name -> { type, fallback, json: value | undefined, draw: () => another }
    this.fragments = new Map(); // name -> text
    this.counter = 0;
  }

  /** Whether to make a mistake here. */
  fault(probability = 0.06) {
    if (this.faults === 0 || !chance(probability)) return false;
    this.faults -= 1;
    return true;
  }

  name(prefix) {
    this.counter += 1;
    return `${prefix}${this.counter}`;
  }

  operation() {
    const kind = pick(["query", "query", "query", "query", "mutation", "subscription"]);
    const root = { query: schema.getQueryType(), mutation: schema.getMutationType(), subscription: schema.getSubscriptionType() }[kind];
    const set = this.selectionSet(root, 4, kind);
    const definitions = [...this.variables].map(([name, { type, fallback }]) => `$${name}: ${type}${fallback ?? ""}`);
    if (this.fault()) definitions.push("$unused: Int");
    if (this.fault() && definitions.length > 0) definitions.push(pick(definitions));
    const head = definitions.length > 0 ? `${kind} A(${definitions.join(", ")})` : chance(0.5) ? kind : `${kind} A`;
    const parts = [`${head} ${set}`, ...this.fragments.values()];
    if (this.fault()) parts.push("fragment Unused on User { id }");
    if (this.fault(0.02)) parts.push("query A { __typename }");
    const variables = present([...this.variables].map(([name, { json }]) => [name, json]));
    return { kind, query: parts.join(chance(0.5) ? "\n" : " "), variables };
  }

  /** Other values for the same variables; `faults` as for the document. */
  others(faults) {
    this.faults = faults;
    return present([...this.variables].map(([name, { draw }]) => [name, draw()]));
  }

  selectionSet(type, depth, kind) {
    const items = [];
    if (isAbstractType(type)) items.push("__typename");
    const count = kind === "subscription" || this.counter > 30 ? 1 : between(1, depth > 1 ? 3 : 2);
    for (let n = 0; n < count; n += 1) items.push(...this.selection(type, depth, kind));
    if (kind === "subscription" && this.fault(0.3)) items.push(...this.selection(type, depth, kind));
    return `{ ${items.join(chance(0.1) ? ", " : " ")} }`;
  }

  /** One or more selections. */
  selection(type, depth, kind) {
    // Large documents say no more than small ones, and cost what is not given here.
    const dice = this.counter > 30 ? 1 : random();
    if (dice < 0.12) {
      const on = this.condition(type);
      return [`...${on ? ` on ${on}` : ""}${this.directives(kind)} ${this.selectionSet(on ? schema.getType(on) ?? type : type, depth, kind)}`];
    }
    if (dice < 0.24) {
      const on = this.condition(type) ?? type.name;
      const name = this.name("F");
      if (!this.fault(0.03)) {
        this.fragments.set(name, "");
        const set = isCompositeType(schema.getType(on)) ? this.selectionSet(schema.getType(on), depth, kind) : "{ id }";
        this.fragments.set(name, `fragment ${name} on ${on} ${set}`);
      }
      return [`...${name}${this.directives(kind)}`];
    }
    const field = this.field(type, depth, kind);
    if (!field) return ["__typename"];
    // The same field again, maybe with something else below it.
    if (chance(0.15)) return [field.text, field.again()];
    return [field.text];
  }

  condition(type) {
    if (this.fault()) return pick(["User", "Post", "Goal", "Node", "String", "Nothing", "PostCreateInput"]);
    if (isAbstractType(type) && chance(0.8)) return pick(schema.getPossibleTypes(type)).name;
    if (isObjectType(type) && chance(0.2) && type.getInterfaces().length > 0) return pick(type.getInterfaces()).name;
    return chance(0.5) ? undefined : type.name;
  }

  field(type, depth, kind) {
    if (!isCompositeType(type) || !type.getFields) return undefined;
    let fields = Object.values(type.getFields()).filter((field) => !LEFT_OUT.test(field.name) && !field.name.startsWith("admin"));
    if (type === schema.getMutationType()) fields = fields.filter((field) => MUTATIONS.includes(field.name));
    if (depth <= 1) fields = fields.filter((field) => !isCompositeType(getNamedType(field.type)));
    if (fields.length === 0) return undefined;
    const field = pick(fields);
    const named = getNamedType(field.type);
    const alias = chance(0.15) ? `${this.fault(0.2) ? pick(["id", "x"]) : this.name("a")}: ` : "";
    const name = this.fault(0.03) ? `${field.name}x` : field.name;
    const args = this.arguments(field.args);
    const directives = this.directives(kind);
    const set = () => {
      if (!isCompositeType(named)) return this.fault(0.02) ? " { id }" : "";
      return this.fault(0.02) ? "" : ` ${this.selectionSet(named, depth - 1)}`;
    };
    return {
      text: `${alias}${name}${args}${directives}${set()}`,
      again: () => `${alias}${name}${this.fault(0.2) ? this.arguments(field.args) : args}${set()}`,
    };
  }

  directives(kind) {
    if (this.fault(0.03)) return pick([" @nothing", " @skip", " @skip(if: 1)", " @include(if: true) @include(if: true)", " @deprecated"]);
    if (!chance(0.06) || (kind === "subscription" && !chance(0.2))) return "";
    const name = pick(["skip", "include"]);
    if (chance(0.5)) return ` @${name}(if: ${chance(0.5)})`;
    return ` @${name}(if: ${this.variable("Boolean!", () => chance(0.5))})`;
  }

  arguments(args) {
    const given = [];
    for (const arg of args) {
      const needed = isRequiredArgument(arg);
      if (needed ? this.fault(0.03) : !chance(arg.name === "first" ? 0.7 : 0.2)) continue;
      if (["last", "before", "after"].includes(arg.name)) continue;
      const name = this.fault(0.02) ? `${arg.name}x` : arg.name;
      given.push(`${name}: ${this.value(arg.type, arg.name)}`);
      if (this.fault(0.01)) given.push(given.at(-1));
    }
    return given.length > 0 ? `(${given.join(", ")})` : "";
  }

  /** The text of a value for a type: written out, or a variable. */
  value(type, name) {
    if (this.fault(0.03)) return pick(["$undefined", "17", "1.5", "\"x\"", "true", "null", "NEWEST", "[]", "{}", "{ x: 1 }", "[null]", "3000000000", "9e99", "\"\\u{1F600}\""]);
    if (chance(0.35)) {
      let of = String(type);
      if (isNonNullType(type) && chance(0.3)) of = of.slice(0, -1); // right where there is a default
      if (!isNonNullType(type) && chance(0.2)) of += "!";
      if (this.fault(0.06)) of = pick(["String", "ID!", "Int", "[ID!]", "Boolean", "PostSort", "User", "Nothing"]);
      return this.variable(of, () => this.json(type, name), type, name);
    }
    return this.literal(type, name);
  }

  variable(type, right, location, name) {
    const id = this.name("v");
    let fallback;
    if (location && chance(0.2)) fallback = ` = ${this.literal(location, name)}`;
    const draw = () => {
      let value = right();
      if (chance(0.2) && (fallback || !type.endsWith("!") || this.fault(0.3))) value = undefined;
      if (chance(0.05)) value = null;
      if (this.fault(0.06)) value = pick([17, 1.5, "x", true, null, [], {}, [null], { x: 1 }, 3_000_000_000, "2026-02-30T00:00:00Z", -0.0, 1e300]);
      return value;
    };
    this.variables.set(id, { type, fallback, json: draw(), draw });
    return `$${id}`;
  }

  /** A value as JSON, most of the time a right one. */
  json(type, name) {
    if (isNonNullType(type)) return this.json(type.ofType, name);
    if (chance(0.05)) return null;
    if (isListType(type)) return chance(0.2) ? this.json(type.ofType, name) : Array.from({ length: between(0, 2) }, () => this.json(type.ofType, name));
    if (isEnumType(type)) return this.fault(0.1) ? "NOTHING" : pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const given = {};
      for (const [key, of] of this.fields(type)) given[key] = this.json(of, key);
      if (this.fault(0.05)) given.unknown = 1;
      return given;
    }
    const { right, wrong } = SCALARS[type.name] ?? {};
    if (right) return this.fault(0.1) ? pick([...wrong, 17]) : pick(right);
    switch (type.name) {
      case "Int": return this.fault(0.1) ? pick([1.5, 3_000_000_000, "1", true]) : name === "first" ? between(1, 3) : between(1, 20);
      case "Boolean": return this.fault(0.1) ? pick([0, "true"]) : chance(0.5);
      case "ID": return this.fault(0.1) ? pick([1.5, true, [], {}]) : pick(["x", "post_1", 17]);
      default: return this.fault(0.1) ? pick([17, true, [], {}]) : pick(["x", "é 😀", ""]);
    }
  }

  /** The same as a document has it. */
  literal(type, name) {
    if (isNonNullType(type)) return this.literal(type.ofType, name);
    if (chance(0.05)) return "null";
    if (isListType(type)) {
      if (chance(0.2)) return this.literal(type.ofType, name);
      return `[${Array.from({ length: between(0, 2) }, () => chance(0.15) ? this.value(type.ofType, name) : this.literal(type.ofType, name)).join(" ")}]`;
    }
    if (isEnumType(type)) return this.fault(0.1) ? pick(["NOTHING", `"${pick(type.getValues()).name}"`]) : pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const given = this.fields(type).map(([key, of]) => `${key}: ${type.isOneOf || chance(0.8) ? this.literal(of, key) : this.value(of, key)}`);
      if (this.fault(0.05)) given.push(pick(["unknown: 1", given[0] ?? "x: 1"]));
      return `{ ${given.join(", ")} }`;
    }
    const { right, wrong } = SCALARS[type.name] ?? {};
    if (right) return this.fault(0.1) ? pick([...wrong.map((text) => JSON.stringify(text)), "17"]) : JSON.stringify(pick(right));
    switch (type.name) {
      case "Int": return this.fault(0.1) ? pick(["1.0", "3000000000", "\"1\"", "-0", "99999999999999999999", "01"]) : name === "first" ? String(between(1, 3)) : String(between(1, 20));
      case "Boolean": return this.fault(0.1) ? pick(["0", "\"true\"", "TRUE"]) : String(chance(0.5));
      case "ID": return this.fault(0.1) ? pick(["1.5", "true", "X", "[]"]) : pick(["\"x\"", "17"]);
      default: return this.fault(0.1) ? pick(["17", "X", "\"\\x\"", "\"\\ud800\""]) : pick(["\"x\"", "\"\\u00e9 \\u{1F600} \\uD83D\\uDE00\"", "\"\"\"block \\\"\"\" \"\"\"", "\"\""]);
    }
  }

  /** The fields of an input that are given: name and type. */
  fields(type) {
    let fields = Object.values(type.getFields());
    if (type.isOneOf) {
      fields = this.fault(0.2) ? fields.slice(0, 2) : [pick(fields)];
      return fields.map((field) => [field.name, getNullableType(field.type)]);
    }
    fields = fields.filter((field) => (isRequiredInputField(field) ? !this.fault(0.05) : chance(0.3)));
    return fields.map((field) => [field.name, field.type]);
  }
}

/** Variables as JSON, without those that are left out. */
function present(values) {
  return Object.fromEntries(values.filter(([, json]) => json !== undefined));
}

/** Breaks the text itself: as typing does. */
function mistype(query) {
  const at = Math.floor(random() * query.length);
  const piece = pick(["{", "}", "(", ")", "[", "]", "$", "!", ":", "=", "@", "...", "\"", "\\", "on ", "1", ".", "é", "#", " query ", "null", "&", "|"]);
  return pick([
    () => query.slice(0, at) + query.slice(at + 1),
    () => query.slice(0, at) + piece + query.slice(at),
    () => query.slice(0, at) + piece + query.slice(at + 1),
    () => query.slice(0, at),
  ])();
}

/** One document, with the variables that it is sent with, one after the other. */
function generate() {
  const broken = chance(0.55);
  const writer = new Writer(broken ? between(1, 2) : 0);
  const { kind, query: right, variables } = writer.operation();
  const query = chance(0.12) ? mistype(right) : right;
  const samples = [{ kind, query, variables }];
  if (writer.variables.size > 0 && chance(AGAIN)) {
    const last = between(1, 2);
    while (samples.length <= last) samples.push({ kind, query, variables: writer.others(chance(0.3) ? 1 : 0) });
  }
  return samples;
}

// ---- verdicts --------------------------------------------------------------------------------------------------------

/** What the reference implementation says before it executes. */
function judge({ query, variables }) {
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return { refused: `syntax: ${error.message}` };
  }
  let errors;
  try {
    errors = validate(schema, document);
  } catch (error) {
    errors = [error]; // collectFields, of a subscription whose variables it does not have
  }
  if (errors.length > 0) return { refused: errors[0].message };
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  if (operations.length !== 1) return { refused: "not one operation" };
  const [operation] = operations;
  const fragments = {};
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  }
  if (operation.operation === "subscription") return { operation, fragments };
  const { errors: wrong, coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
  if (wrong) return { refused: wrong[0].message, operation, fragments };
  return { operation, fragments, coerced };
}

async function ask({ query, variables }) {
  const response = await fetch(httpUrl, {
    method: "POST",
    headers: { accept: "application/graphql-response+json", "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Whether the server said that the whole may not run; a subscription that may is sent back for its transport. */
function refusal(body) {
  if ("data" in body) return undefined;
  const [error] = body.errors;
  return error.message.startsWith("Subscriptions are sent") ? undefined : error;
}

/** The answer has what collectFields asks for, in its order; null and what is below it are the executor's business. */
function compare(data, type, nodes, { fragments, coerced }, path, first) {
  if (data === null) return;
  if (isNonNullType(type)) return compare(data, type.ofType, nodes, { fragments, coerced }, path, first);
  if (isListType(type)) {
    data.forEach((item, n) => compare(item, type.ofType, nodes, { fragments, coerced }, `${path}.${n}`, first));
    return;
  }
  if (!isCompositeType(type)) return;
  let of = type;
  if (isAbstractType(type)) {
    assert(typeof data.__typename === "string", `${path}: no __typename`);
    of = schema.getType(data.__typename);
  }
  const fields = first
    ? collectFields(schema, fragments, coerced, of, first)
    : collectSubfields(schema, fragments, coerced, of, nodes);
  const [asked, given] = [[...fields.keys()].join(" "), Object.keys(data).join(" ")];
  assert(asked === given, `${path}: asked for "${asked}", got "${given}"`);
  for (const [key, below] of fields) {
    const definition = of.getFields()[below[0].name.value];
    if (definition) compare(data[key], definition.type, below, { fragments, coerced }, `${path}.${key}`);
  }
}

/** What the reference implementation says of a text or number that is none of its type's. */
const MISTYPED = /\bno (DateTime|Date|Decimal|CurrencyCode)\b|non 32-bit signed integer/;

const counts = { refused: 0, executed: 0, again: 0 };
for (const name of Object.keys(DIFFERENCES)) counts[name] = 0;

/** Answers what is wrong, if anything. */
async function verdict(sample) {
  const reference = judge(sample);
  const body = await ask(sample);
  const ours = refusal(body);
  if (ours?.extensions?.code === "COST_EXCEEDED") return void (counts.limits += 1);
  if (reference.refused && !ours) {
    if (sample.kind === "mutation" && MISTYPED.test(reference.refused)) return void (counts.mistyped += 1);
    return `accepted, where the reference implementation says: ${reference.refused}`;
  }
  if (!reference.refused && ours) {
    if (/can't be null where it stands/.test(ours.message)) return void (counts.nullWhereNone += 1);
    if (/ID is expected, not \d+(\.\d+)?e\+/.test(ours.message)) return void (counts.hugeIds += 1);
    if (/not subject to/.test(ours.message)) return void (counts.conditionalSubscription += 1);
    return `refused, where the reference implementation does not: ${ours.message}`;
  }
  if (ours) return void (counts.refused += 1);
  counts.executed += 1;
  if (sample.kind === "subscription" || !body.data) return undefined;
  const root = sample.kind === "mutation" ? schema.getMutationType() : schema.getQueryType();
  try {
    compare(body.data, root, undefined, reference, "data", reference.operation.selectionSet);
  } catch (error) {
    return error.message;
  }
  return undefined;
}

// ---- the run ---------------------------------------------------------------------------------------------------------

await check(`${DOCUMENTS} documents are judged as by the reference implementation (seed ${SEED})`, async () => {
  const wrong = [];
  let left = DOCUMENTS;
  const work = async () => {
    while (left > 0) {
      const samples = generate();
      left -= samples.length;
      counts.again += samples.length - 1;
      for (const sample of samples) {
        const why = await verdict(sample);
        if (why) wrong.push(`${why}\n  ${sample.query}\n  ${JSON.stringify(sample.variables)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (process.env.VERBOSE || wrong.length > 0) console.log(JSON.stringify(counts));
  const shown = Number(process.env.SHOWN ?? 5);
  assert(wrong.length === 0, `${wrong.length} verdicts differ:\n${wrong.slice(0, shown).join("\n")}`);
});

// A generator that makes nothing but one kind of document would agree with anything.
await check("the documents were of every kind", async () => {
  assert(counts.executed > DOCUMENTS * 0.2, `executed: ${counts.executed}`);
  assert(counts.refused > DOCUMENTS * 0.2, `refused: ${counts.refused}`);
  assert(counts.limits < DOCUMENTS * 0.1, `over a limit: ${counts.limits}`);
  assert(counts.again > DOCUMENTS * 0.1, `sent again: ${counts.again}`);
});

finish("language");
