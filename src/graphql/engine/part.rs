//! A part of `Mutation`, resolved on the heap: a merged root would otherwise hold, in one stack frame of an unoptimised
//! build, room for the futures of all its parts, of which one runs. With fifteen domains that had outgrown a thread's stack.
//! What every mutation has in common is said of its fields here, once for all.

use std::borrow::Cow;

use async_graphql::{
    ContainerType, Context, ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use futures_util::future::BoxFuture;

use super::{contract, rules};

/// The fields of `T`, as a part of a merged object.
#[derive(Debug, Default)]
pub(crate) struct Part<T>(T);

impl<T: ContainerType> Part<T> {
    /// Makes the future in a frame of its own, which is gone before it runs.
    fn begin<'a>(&'a self, ctx: &'a Context<'_>) -> BoxFuture<'a, ServerResult<Option<Value>>> {
        Box::pin(self.0.resolve_field(ctx))
    }
}

impl<T: ContainerType> ContainerType for Part<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        self.begin(ctx).await
    }

    async fn find_entity(&self, ctx: &Context<'_>, params: &Value) -> ServerResult<Option<Value>> {
        self.0.find_entity(ctx, params).await
    }
}

impl<T: OutputType> OutputType for Part<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = T::create_type_info(registry);
        contract::mark_mutations(registry, &T::type_name(), |name| rules::of(name).is_alone);
        name
    }

    fn resolve(
        &self,
        ctx: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> impl Future<Output = ServerResult<Value>> + Send {
        self.0.resolve(ctx, field)
    }
}
