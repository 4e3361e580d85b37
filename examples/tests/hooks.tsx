// The scenario that both clients have to pass: the hooks against a running server.

import assert from "node:assert/strict";
import { test } from "node:test";
import { act, cleanup, render, renderHook, waitFor } from "@testing-library/react";
import type { ComponentType, ReactNode } from "react";
import type * as apolloAuth from "../src/apollo/useAuth";
import type { useGoals } from "../src/apollo/useGoals";
import type { usePayments } from "../src/apollo/usePayments";
import type { usePosts } from "../src/apollo/usePosts";
import { Refused } from "../src/errors";
import { Session } from "../src/session";
import { during, endAccess, payAtSandbox, signIn, url } from "./setup";

type Library = {
  /** A provider of a new client. */
  provide: (session: Session) => ComponentType<{ children: ReactNode }>;
  useAuth: (session: Session) => Pick<ReturnType<typeof apolloAuth.useAuth>, "viewer" | "loading" | "signIn" | "signOut">;
  usePosts: (first: number) => Pick<ReturnType<typeof usePosts>, "posts" | "publish" | "like"> & { loadMore?: (() => unknown) | undefined };
  useGoals: () => Pick<ReturnType<typeof useGoals>, "goals" | "contribute">;
  usePayments: () => Pick<ReturnType<typeof usePayments>, "providers" | "deposit" | "confirm">;
  Balances: ComponentType<{ locale: string }>;
  Movements: ComponentType<{ locale: string }>;
};

const patience = { timeout: 10_000 };

/** The balances, shown beside what changes them: the cache has them from the answer, and nobody asks for them anew. */
async function balances({ Balances }: Library, Provider: ComponentType<{ children: ReactNode }>) {
  const { container } = render(
    <Provider>
      <Balances locale="en" />
    </Provider>,
  );
  await waitFor(() => assert.ok(container.querySelector("li")), patience);
  return {
    async follow(change: () => Promise<void>) {
      const before = container.textContent;
      const asked = await during(async () => {
        await change();
        await waitFor(() => assert.notEqual(container.textContent, before), patience);
      });
      assert.ok(!asked.includes("WalletBalances"), asked.join());
    },
  };
}

export function scenario(name: string, library: Library): void {
  test(`${name}: a wrong password is refused, the right one signs in`, async () => {
    const session = new Session(url);
    const { result } = renderHook(() => library.useAuth(session), { wrapper: library.provide(session) });
    await waitFor(() => assert(!result.current.loading), patience);
    assert.equal(result.current.viewer, null);
    await act(() =>
      assert.rejects(result.current.signIn("amina", "a wrong password"), (error: Refused) => {
        assert.equal(error.mistakes[0]?.code, "INVALID_CREDENTIALS");
        return true;
      }),
    );
    await act(() => result.current.signIn("amina", "agora-demo-2026"));
    assert.ok(session.headers().authorization);
    await act(() => result.current.signOut());
    assert.deepEqual(session.headers(), {});
    cleanup();
  });

  test(`${name}: pages are joined, what is published is shown, a like is counted`, async () => {
    const session = await signIn();
    const { result } = renderHook(() => library.usePosts(2), { wrapper: library.provide(session) });
    await waitFor(() => assert.equal(result.current.posts.length, 2), patience);
    await act(async () => void (await result.current.loadMore?.()));
    await waitFor(() => assert.equal(result.current.posts.length, 4), patience);
    assert.equal(new Set(result.current.posts.map(({ id }) => id)).size, 4);

    const { id } = await act(() => result.current.publish(`By ${name}`));
    await waitFor(() => assert.ok(result.current.posts.some((post) => post.id === id)), patience);
    await act(() => result.current.like(id));
    await waitFor(() => {
      const post = result.current.posts.find((post) => post.id === id);
      assert.deepEqual([post?.likeCount, post?.viewerHasLiked], [1, true]);
    }, patience);
    await act(() => assert.rejects(result.current.publish(""), Refused));
    cleanup();
  });

  test(`${name}: a gift from the wallet, and what was raised follows`, async () => {
    const session = await signIn();
    const wrapper = library.provide(session);
    const shown = await balances(library, wrapper);
    const { result } = renderHook(() => library.useGoals(), { wrapper });
    await waitFor(() => assert.ok(result.current.goals.some(({ state }) => state === "OPEN")), patience);
    const goal = result.current.goals.find(({ state, raised }) => state === "OPEN" && raised.currency === "USD");
    assert.ok(goal);
    await shown.follow(async () => {
      const payment = await act(() =>
        result.current.contribute({ goalId: goal.id, amount: { amount: "1.00", currency: "USD" }, provider: "WALLET" }),
      );
      assert.equal(payment.state, "COMPLETED");
    });
    await waitFor(() => {
      const after = result.current.goals.find(({ id }) => id === goal.id);
      assert.notEqual(after?.raised.amount, goal.raised.amount);
    }, patience);
    cleanup();
  });

  test(`${name}: a deposit that is paid at the sandbox`, async () => {
    const session = await signIn();
    const wrapper = library.provide(session);
    const shown = await balances(library, wrapper);
    const { result } = renderHook(() => library.usePayments(), { wrapper });
    await waitFor(() => assert.ok(result.current.providers.some(({ provider }) => provider === "SANDBOX")), patience);
    const amount = { amount: "5.00", currency: "USD" };
    const begun = await act(() => result.current.deposit({ amount, provider: "SANDBOX" }));
    await payAtSandbox(begun.nextAction?.clientSecret ?? "");
    await shown.follow(async () => {
      const paid = await act(() => result.current.confirm(begun.id));
      assert.equal(paid.state, "COMPLETED");
    });
    cleanup();
  });

  test(`${name}: a page that shows the wallet twice asks once for each query`, async () => {
    const session = await signIn();
    const Provider = library.provide(session);
    const shown = ({ container }: ReturnType<typeof render>) => {
      for (const list of container.querySelectorAll("ul")) assert.ok(list.querySelector("li"), list.getAttribute("aria-label") ?? "");
    };
    const page = (
      <>
        <library.Balances locale="en" />
        <library.Movements locale="ar" />
      </>
    );
    const asked = await during(async () => {
      const first = render(<Provider>{page}</Provider>);
      await waitFor(() => shown(first), patience);
      // Shown again, the cache has it all; a third query would have been sent before this.
      await act(async () => first.rerender(<Provider>{page}{page}</Provider>));
      await waitFor(() => shown(first), patience);
      await act(() => signIn());
    });
    assert.deepEqual(asked, ["WalletBalances", "WalletMovements"]);
    cleanup();
  });

  test(`${name}: when the token is over, it is renewed once for all who ask`, async () => {
    const session = await signIn();
    endAccess(session);
    const Provider = library.provide(session);
    const asked = await during(async () => {
      const { container } = render(
        <Provider>
          <library.Balances locale="en" />
          <library.Movements locale="en" />
        </Provider>,
      );
      await waitFor(() => assert.equal(container.querySelectorAll("ul:has(li)").length, 2), patience);
    });
    assert.equal(asked.filter((operation) => operation === "TokenRefresh").length, 1, asked.join());
    cleanup();
  });
}
