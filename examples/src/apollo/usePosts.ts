// The newest posts, page by page; publishing and liking.

import { useMutation, useQuery } from "@apollo/client/react";
import { accepted } from "../errors";
import { PostCreateDocument, PostLikeDocument, PostsDocument, type PostCardFragment } from "../generated/graphql";
import { once } from "../once";

// #region hook
export function usePosts(first = 10) {
  const { data, loading, error, fetchMore, refetch } = useQuery(PostsDocument, { variables: { first } });
  const [create] = useMutation(PostCreateDocument);
  const [like] = useMutation(PostLikeDocument);
  const page = data?.posts;

  return {
    posts: page?.edges.map(({ node }) => node) ?? [],
    loading,
    error,
    /** Undefined when there is nothing more. The cache joins the pages. */
    loadMore: page?.pageInfo.hasNextPage ? () => fetchMore({ variables: { after: page.pageInfo.endCursor } }) : undefined,
    /** Throws `Refused`. */
    async publish(body: string): Promise<PostCardFragment> {
      const payload = await once(async (idempotencyKey) => {
        const { data } = await create({ variables: { input: { body, idempotencyKey } } });
        return accepted(data?.postCreate);
      });
      await refetch();
      return payload.post!;
    },
    /** The payload has the post with its new count: wherever it is shown, it follows. */
    async like(id: string): Promise<void> {
      const { data } = await like({ variables: { input: { id } } });
      accepted(data?.postLike);
    },
  };
}
// #endregion
