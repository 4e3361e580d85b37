// One operation by POST.

export const endpoint = new URL("graphql", document.baseURI);

/** Answers the result, whatever it says. */
export async function post(operation, headers) {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: {
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
      "content-type": "application/json",
    },
    body: JSON.stringify(operation),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`HTTP ${response.status}: ${text.slice(0, 500) || "no answer"}`);
  }
}
