// The newest posts, page by page; publishing and liking.

import { useState } from "react";
import { useMutation, useQuery } from "urql";
import { accepted } from "../errors";
import { PostCreateDocument, PostLikeDocument, PostsDocument, type PostCardFragment } from "../generated/graphql";
import { once } from "../once";

// #region hook
export function usePosts(first = 10) {
  const [after, setAfter] = useState<string | null>(null);
  const [{ data, fetching, error }] = useQuery({ query: PostsDocument, variables: { first, after } });
  const [, create] = useMutation(PostCreateDocument);
  const [, like] = useMutation(PostLikeDocument);
  const page = data?.posts;

  return {
    posts: page?.edges.map(({ node }) => node) ?? [],
    loading: fetching,
    error,
    /** Undefined when there is nothing more. The cache joins the pages. */
    loadMore: page?.pageInfo.hasNextPage ? () => setAfter(page.pageInfo.endCursor ?? null) : undefined,
    /** Throws `Refused`. */
    async publish(body: string): Promise<PostCardFragment> {
      const payload = await once(async (idempotencyKey) => {
        const { data, error } = await create({ input: { body, idempotencyKey } });
        if (error) throw error;
        return accepted(data?.postCreate);
      });
      setAfter(null);
      return payload.post!;
    },
    /** The payload has the post with its new count: wherever it is shown, it follows. */
    async like(id: string): Promise<void> {
      const { data, error } = await like({ input: { id } });
      if (error) throw error;
      accepted(data?.postLike);
    },
  };
}
// #endregion
