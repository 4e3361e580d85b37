//! A list to which things are only added, so that what is in it is had by reference and without a lock. For what is made when
//! it is first asked for, of many kinds of which few are.

use std::{fmt, sync::OnceLock};

/// The list; `D` is what its things have in common.
pub(crate) struct OnceList<D: ?Sized> {
    first: OnceLock<Box<Link<D>>>,
}

/// A thing in a list, and where the next one comes. Beside it, so that it takes one allocation.
pub(crate) struct Link<D: ?Sized, T: ?Sized = D> {
    next: OnceLock<Box<Link<D>>>,
    thing: T,
}

impl<D: ?Sized, T> Link<D, T> {
    /// A thing that is to be added. Boxed, it becomes one of what all things have in common.
    #[must_use]
    pub(crate) const fn new(thing: T) -> Self {
        Self { next: OnceLock::new(), thing }
    }
}

impl<D: ?Sized> OnceList<D> {
    /// The first thing in which `find` finds something; where there is none, one is made and added. Of several who add at
    /// once, one comes first, and the others look at what it added. `find` has to find it in what was made.
    pub(crate) fn find_or_add<'a, T>(
        &'a self,
        find: impl Fn(&'a D) -> Option<&'a T>,
        make: impl Fn() -> Box<Link<D>>,
    ) -> &'a T {
        let mut place = &self.first;
        loop {
            let link = place.get_or_init(&make);
            if let Some(found) = find(&link.thing) {
                return found;
            }
            place = &link.next;
        }
    }

    /// What is in it, in the order in which it came.
    pub(crate) fn things(&self) -> impl Iterator<Item = &D> {
        std::iter::successors(self.first.get(), |link| link.next.get()).map(|link| &link.thing)
    }
}

impl<D: ?Sized> Default for OnceList<D> {
    fn default() -> Self {
        Self { first: OnceLock::new() }
    }
}

impl<D: ?Sized> fmt::Debug for OnceList<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnceList")
    }
}

#[cfg(test)]
mod tests {
    use std::{
        any::Any,
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    type Anything = dyn Any + Send + Sync;

    fn of_type<T: Default + Send + Sync + 'static>(list: &OnceList<Anything>) -> &T {
        list.find_or_add(Anything::downcast_ref::<T>, || Box::new(Link::<Anything, _>::new(T::default())))
    }

    #[test]
    fn each_is_made_once_and_stays_where_it_is() {
        let list = OnceList::default();
        let number: &AtomicUsize = of_type(&list);
        number.store(7, Ordering::Relaxed);
        assert_eq!(of_type::<String>(&list), "");
        assert!(std::ptr::eq(of_type::<AtomicUsize>(&list), number));
        assert_eq!(of_type::<AtomicUsize>(&list).load(Ordering::Relaxed), 7);
        assert_eq!(list.things().count(), 2);
    }

    #[test]
    fn those_who_ask_at_once_get_the_same() {
        let (list, barrier) = (OnceList::default(), Barrier::new(8));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (list, barrier) = (&list, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    if thread % 2 == 0 {
                        of_type::<AtomicUsize>(list).fetch_add(1, Ordering::Relaxed);
                    }
                    of_type::<[AtomicUsize; 2]>(list)[0].fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        assert_eq!(of_type::<AtomicUsize>(&list).load(Ordering::Relaxed), 4);
        assert_eq!(of_type::<[AtomicUsize; 2]>(&list)[0].load(Ordering::Relaxed), 8);
        assert_eq!(list.things().count(), 2);
    }
}
