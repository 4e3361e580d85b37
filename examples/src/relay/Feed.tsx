// The newest posts, page by page.

import { graphql, useLazyLoadQuery, usePaginationFragment } from "react-relay";
import type { FeedNextPageQuery } from "./generated/FeedNextPageQuery.graphql";
import type { FeedPageQuery } from "./generated/FeedPageQuery.graphql";
import type { Feed_query$key } from "./generated/Feed_query.graphql";

// #region feed
export function FeedPage() {
  const query = useLazyLoadQuery<FeedPageQuery>(
    graphql`
      query FeedPageQuery {
        ...Feed_query
      }
    `,
    {},
  );
  return <Feed query={query} />;
}

export function Feed({ query }: { query: Feed_query$key }) {
  const { data, hasNext, isLoadingNext, loadNext } = usePaginationFragment<FeedNextPageQuery, Feed_query$key>(
    // What failed is thrown to the next error boundary: what is left is not null.
    graphql`
      fragment Feed_query on Query
      @refetchable(queryName: "FeedNextPageQuery")
      @argumentDefinitions(first: { type: "Int", defaultValue: 10 }, after: { type: "String" })
      @throwOnFieldError {
        posts(first: $first, after: $after) @connection(key: "Feed_posts") {
          edges {
            node {
              id
              body
              likeCount
              author {
                displayName
              }
            }
          }
        }
      }
    `,
    query,
  );
  return (
    <main>
      {data.posts.edges.map(({ node }) => (
        <article key={node.id}>
          <h2>{node.author?.displayName}</h2>
          <p>{node.body}</p>
        </article>
      ))}
      {hasNext && (
        <button type="button" disabled={isLoadingNext} onClick={() => loadNext(10)}>
          More
        </button>
      )}
    </main>
  );
}
// #endregion
