//! The promises, in the order in which they are tried: all against one edge, each with paths of its
//! own. What takes something from the others comes last.

mod browsers;
mod cached;
mod encoded;
mod failures;
mod followed;
mod passed;
mod refused;
mod restored;
mod told;

use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::{Answer, within};

use crate::mutations;
use crate::stage::Stage;

/// None takes longer, however slow the machine.
const BOUND: Duration = Duration::from_secs(60);

type Promise = (&'static str, for<'a> fn(&'a Stage) -> Holding<'a>);
type Holding<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

macro_rules! promises {
    ($($about:ident::$name:ident),+ $(,)?) => {
        const PROMISES: &[Promise] =
            &[$((stringify!($name), |stage| Box::pin($about::$name(stage)))),+];
    };
}

promises![
    cached::the_second_read_is_a_hit_with_the_same_bytes,
    cached::a_client_that_has_the_bytes_is_told_so,
    cached::a_head_has_the_headers_of_the_get_and_no_body,
    refused::a_cached_path_is_only_read,
    refused::a_mistake_in_a_query_is_a_problem_with_a_pointer,
    cached::a_missing_product_is_remembered,
    told::what_no_parameter_is_called_is_in_neither_key_nor_request,
    told::the_origin_is_told_nothing_of_the_client_but_the_address,
    told::a_read_in_the_place_of_what_the_log_invalidated_is_sealed_as_a_refill,
    told::what_the_origin_tells_the_edge_is_not_told_to_clients,
    cached::each_encoding_is_an_entry_of_its_own,
    encoded::a_client_that_accepts_no_encoding_gets_plain_bytes,
    encoded::a_proxy_before_the_origin_changes_nothing_that_a_shopper_reads,
    refused::a_hostile_path_never_reaches_the_origin,
    refused::internal_paths_are_refused,
    mutations::no_header_changes_the_page,
    mutations::no_target_changes_the_page,
    passed::a_private_route_passes_uncached_with_its_cookies,
    passed::a_request_passes_whole_and_signed,
    told::what_only_the_edge_may_say_is_not_passed_on,
    passed::a_request_that_comes_back_is_refused,
    passed::a_request_that_may_go_no_further_is_answered_here,
    passed::a_head_and_a_304_and_a_204_pass_as_they_are,
    failures::what_is_not_public_or_sets_a_cookie_or_is_unstamped_is_not_kept,
    failures::a_truncated_answer_is_neither_shown_nor_kept,
    failures::an_error_is_passed_on_where_nothing_stands_in,
    failures::what_something_on_the_way_answers_is_not_shown,
    browsers::any_sites_scripts_read_the_catalogue,
    browsers::a_preflight_is_answered_here,
    browsers::no_other_sites_scripts_read_what_is_private,
    browsers::a_problem_needs_nothing_should_a_browser_open_it,
    followed::a_change_is_seen_within_four_seconds_by_poll_alone,
    followed::an_answer_is_judged_by_its_own_tags_and_asked_for_again,
    followed::an_answer_that_stays_behind_is_shown_and_not_kept,
    followed::a_cache_before_the_origin_hides_no_change,
    followed::a_writer_is_shown_nothing_older_than_the_write,
    followed::a_forged_token_is_ignored,
    followed::a_token_of_another_log_asks_for_nothing,
    failures::an_error_of_the_origin_is_covered_by_an_old_answer,
    failures::a_refusal_never_shows_what_the_log_called_invalid,
    failures::what_something_on_the_way_answers_is_covered_by_an_old_answer,
    failures::what_was_withdrawn_is_not_shown_whatever_happens,
    followed::a_cache_that_is_switched_off_keeps_and_serves_nothing,
    failures::with_the_origin_down_an_old_answer_stands_in_and_the_edge_is_well,
    followed::without_the_log_a_kept_answer_says_so_and_a_change_is_seen_when_it_is_back,
    restored::a_store_that_was_put_back_is_noticed_by_its_head,
    restored::a_store_that_was_put_back_and_written_to_is_noticed_by_its_row,
    restored::what_only_an_answer_has_named_is_shown_to_the_log,
    followed::another_log_drops_everything,
];

/// Tries them all, says what came of each, and fails if any is not kept.
pub async fn hold(stage: &Stage) -> Result<()> {
    // What the edge is asked while it is waited for.
    stage.counts("/featured", "catalog featured");
    let mut broken = Vec::new();

    for (name, promise) in PROMISES {
        let began = Instant::now();
        let held = within(BOUND, name, promise(stage)).await;
        let took = began.elapsed().as_millis();
        match &held {
            Ok(()) => println!("  {name} ... ok ({took} ms)"),
            Err(error) => println!("  {name} ... BROKEN ({took} ms)\n    {error:#}"),
        }
        broken.extend(held.is_err().then_some(*name));
    }
    ensure!(broken.is_empty(), "{} of {}: {}", broken.len(), PROMISES.len(), broken.join(", "));
    Ok(())
}

/// This cache's own word: others on the way may have said something before it.
fn said(answer: &Answer) -> &str {
    answer.header("cache-status")
}

fn must_say(answer: &Answer, status: &str) -> Result<()> {
    ensure!(said(answer) == status, "wanted {status}: {answer}");
    Ok(())
}

fn must_read(answer: &Answer, text: &str) -> Result<()> {
    ensure!(answer.body == text.as_bytes(), "wanted {text}: {answer}");
    Ok(())
}

/// Plain bytes, whatever stands between the test and the edge would rather send.
const PLAIN: (&str, &str) = ("accept-encoding", "identity");

async fn plain(stage: &Stage, target: &str) -> Result<Answer> {
    stage.get_with(target, &[PLAIN]).await
}
