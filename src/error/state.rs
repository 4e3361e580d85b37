//! How things stand that can't be changed any more, as `WRONG_STATE` tells it: by the names of the graph, and in words.

use std::borrow::Cow;

use fluent_bundle::FluentArgs;

use super::Locale;
use crate::catalogue;

/// Calls `$callback!` with every state: description, name, and the name of its words in the message catalogue, which complete "it is …". The one list
/// behind [`State`] and its mirror in the graph.
macro_rules! for_each_state {
    ($callback:ident) => {
        $callback! {
            #[doc = "It was only begun."]
            Created = "state-created";
            #[doc = "It waits for whoever pays, or for the provider."]
            Pending = "state-pending";
            #[doc = "The provider is at work."]
            Processing = "state-processing";
            #[doc = "The money is promised and not taken yet."]
            Authorized = "state-authorized";
            #[doc = "The money is there."]
            Completed = "state-completed";
            #[doc = "It did not work."]
            Failed = "state-failed";
            #[doc = "It was canceled."]
            Canceled = "state-canceled";
            #[doc = "Its time was over."]
            Expired = "state-expired";
            #[doc = "It is open."]
            Open = "state-open";
            #[doc = "It has ended."]
            Ended = "state-ended";
            #[doc = "It waits for a decision."]
            Requested = "state-requested";
            #[doc = "It was refused."]
            Refused = "state-refused";
            #[doc = "It was granted, and is not done yet."]
            Granted = "state-granted";
            #[doc = "It was done."]
            Succeeded = "state-succeeded";
            #[doc = "It was approved, and is not done yet."]
            Approved = "state-approved";
            #[doc = "The bank has it."]
            Paid = "state-paid";
            #[doc = "The bank sent it back."]
            Returned = "state-returned";
            #[doc = "It waits for a second person."]
            Proposed = "state-proposed";
            #[doc = "The wallet has it."]
            Applied = "state-applied";
            #[doc = "The dispute was won."]
            Won = "state-won";
            #[doc = "The dispute was lost."]
            Lost = "state-lost";
            #[doc = "The goal has not reached its target."]
            NotReached = "state-not-reached";
            #[doc = "Money of it was withdrawn."]
            Withdrawn = "state-withdrawn";
            #[doc = "All of it went back, or is on its way back."]
            GivenBack = "state-given-back";
            #[doc = "It can't be done in this way any more."]
            NotPossible = "state-not-possible";
            #[doc = "It is paid in a way that has no such step."]
            PaidOtherwise = "state-paid-otherwise";
        }
    };
}
pub(crate) use for_each_state;

macro_rules! define_states {
    ($(#[doc = $doc:literal] $name:ident = $id:literal;)+) => {
        /// How something stands that can't be changed any more.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum State { $(#[doc = $doc] $name,)+ }

        impl State {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What people read of it, in their language.
            #[must_use]
            pub fn text(self, locale: Locale) -> Cow<'static, str> {
                catalogue::message(locale, self.id(), &FluentArgs::new())
            }

            /// The name of its words in the message catalogue.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }
        }
    };
}
for_each_state!(define_states);
