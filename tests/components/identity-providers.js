// Google and GitHub as npm emulate plays them: their real paths, PKCE, nonces and RS256; each checks the client.
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { pathToFileURL } from "node:url";

// NODE_PATH does not serve ES modules.
const { createEmulator } = await import(pathToFileURL(`${process.env.COMPONENTS_CACHE}/node_modules/emulate/dist/api.js`));

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const client = (name) => ({
  client_id: `${name}-client`,
  client_secret: "only for tests",
  name: "Agora",
  redirect_uris: [`https://agora.example/oauth/callback/${name}`],
});

const seeds = {
  google: {
    users: [
      { email: "amina@example.org", name: "Amina El Sayed", given_name: "Amina", family_name: "El Sayed", email_verified: true },
      { email: "bilal@example.org", name: "Bilal", email_verified: false },
    ],
    oauth_clients: [client("google")],
  },
  github: {
    users: [{ login: "octo-amina", name: "Amina", email: "amina@example.org" }],
    oauth_apps: [client("github")],
  },
};

let lines = "";
for (const service of ["google", "github"]) {
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  await createEmulator({ service, port, baseUrl, seed: { [service]: seeds[service] } });
  lines += `COMPONENT_${service.toUpperCase()}_URL=${baseUrl}\n`;
}
writeFileSync(process.argv[2], lines);
