//! The surroundings of writes as this process knows them, so that a write need not read them all.

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;

use crate::catalog::surroundings::{Mark, Moved, Surroundings};

/// Used only as long as the store's own mark is the one that they were read under; every write
/// checks that mark in its transaction besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<Mutex<Option<Known>>>);

#[derive(Debug)]
struct Known {
    mark: Mark,
    /// What is read from now on shows all of the write that left the mark.
    whole_from: Timestamp,
    around: Option<Surroundings>,
}

impl Remembered {
    pub fn at(&self, mark: &Mark) -> Option<Surroundings> {
        let known = self.lock();

        known.as_ref().filter(|known| known.mark == *mark)?.around.clone()
    }

    /// Keeps what was read under its mark, unless a part of the write that left the mark may have
    /// been invisible then. `visible_at` is when that is over, for a mark that is new here.
    pub fn keep(
        &self,
        mut around: Surroundings,
        began: Timestamp,
        visible_at: Timestamp,
    ) -> Surroundings {
        let mut known = self.lock();
        let whole_from = match &*known {
            Some(known) if known.mark == around.mark => known.whole_from,
            _ => visible_at,
        };

        around.is_whole = began >= whole_from;
        let mark = around.mark.clone();
        let kept = around.is_whole.then(|| around.clone());
        *known = Some(Known { mark, whole_from, around: kept });
        around
    }

    /// After a commit of this process: nobody else has moved the surroundings between, since the
    /// commit was conditional on the mark before.
    pub fn follow(&self, moved: Option<Moved>) {
        let Some(Moved { from, mark, after }) = moved else { return };
        let mut known = self.lock();
        let Some(known) = known.as_mut().filter(|known| known.mark == from) else { return };

        known.mark = mark;
        known.around = after.filter(|after| after.is_whole);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        // What is behind it is replaced as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
