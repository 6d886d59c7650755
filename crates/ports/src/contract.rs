//! The contract suites: what every adapter of a port must do, written once and run by each.

pub mod items;
pub mod limiter;
pub mod shared_cache;

use std::any::Any;
use std::sync::Arc;

use crate::{IndexDefinition, Items, Table, TableDefinition};

/// What the facts of [`items`] ask for: a table with an index, one without, one with a time to live.
pub const TABLES: &[TableDefinition] = &[
    TableDefinition {
        table: Table::Catalog,
        indexes: &[
            IndexDefinition { name: SHELF, partition: "shelf", sort: "rank" },
            IndexDefinition { name: "by_maker", partition: "maker", sort: "made" },
        ],
        ttl: None,
    },
    TableDefinition { table: Table::Inventory, indexes: &[], ttl: None },
    TableDefinition { table: Table::Ephemeral, indexes: &[], ttl: Some("expires_at") },
];

/// The index of [`TABLES`] that the facts ask.
pub const SHELF: &str = "by_shelf";

/// A fresh adapter with empty tables, and whatever must outlive it: a folder, a server.
pub struct Fixture {
    pub items: Arc<dyn Items>,
    _keep: Box<dyn Any + Send>,
}

impl Fixture {
    pub fn new(items: Arc<dyn Items>, keep: impl Any + Send) -> Self {
        Self { items, _keep: Box::new(keep) }
    }
}

/// Runs every fact of [`items`] as a test of its own, each with a fresh fixture made by
/// `async fn(&'static [TableDefinition]) -> Fixture`. The calling crate needs tokio with `macros`.
#[macro_export]
macro_rules! items_contract {
    ($make:path) => {
        $crate::contract_facts! { $make =>
            values {
                every_kind_of_value_comes_back_as_it_was,
                an_item_without_attributes_is_there,
                a_missing_item_is_none,
                a_put_replaces_the_whole_item,
                an_update_leaves_the_other_attributes,
                a_deleted_item_is_gone,
                deleting_what_is_not_there_succeeds,
                tables_do_not_share_keys,
                keys_are_compared_byte_by_byte,
                an_item_of_300_kilobytes_works,
                an_item_of_more_than_400_kilobytes_is_invalid,
                an_item_past_its_time_is_answered_until_it_is_deleted,
                a_condition_on_the_time_works,
                a_read_after_a_commit_sees_it,
            }
            batches {
                a_batch_keeps_the_order_of_its_keys_and_says_what_is_absent,
                a_batch_of_100_keys_works,
                a_batch_reads_several_tables,
                a_batch_of_many_megabytes_is_complete,
                a_batch_of_no_keys_answers_nothing,
                a_batch_of_101_keys_or_of_one_key_twice_is_invalid,
            }
            queries {
                a_partition_is_read_in_the_byte_order_of_its_sort_keys,
                a_query_sees_its_partition_alone,
                a_prefix_selects_the_keys_that_begin_so,
                a_prefix_knows_no_wildcards,
                between_includes_both_ends,
                from_includes_its_key_and_after_and_before_do_not,
                a_range_the_wrong_way_round_is_empty,
                a_limit_is_kept,
                paging_visits_every_row_once_in_both_directions,
                paging_stays_within_its_range,
                pages_of_many_megabytes_are_walked_to_the_end,
                the_same_page_has_the_same_token,
                an_empty_partition_is_an_empty_page,
                a_query_without_a_partition_or_with_a_wrong_limit_is_invalid,
            }
            indexes {
                an_index_holds_the_items_that_have_both_attributes,
                an_index_is_read_in_the_order_of_its_sort_attribute,
                a_range_selects_by_the_sort_attribute,
                paging_an_index_visits_every_row_once_in_both_directions,
                items_with_equal_index_keys_are_paged_once_each,
                an_item_moves_when_its_index_attribute_changes,
                an_item_leaves_the_index_with_its_attribute,
                a_deleted_item_leaves_the_index,
                a_cancelled_transaction_leaves_the_index_alone,
                an_index_attribute_that_is_no_text_is_invalid,
                an_index_that_is_not_there_is_invalid,
            }
            scans {
                a_scan_visits_every_row_once,
                a_scan_with_a_prefix_sees_those_partitions_alone,
                a_scan_sees_its_table_alone,
                a_scan_of_an_empty_table_ends,
                a_scan_with_a_wrong_limit_is_invalid,
            }
            conditions {
                every_condition_means_what_the_port_says,
                a_failed_condition_returns_the_item_as_it_stands,
                a_failed_condition_of_a_missing_item_returns_none,
                a_condition_guards_a_put,
                a_condition_guards_an_update,
                a_condition_guards_a_delete,
            }
            updates {
                an_update_of_a_missing_item_makes_it,
                adding_to_a_missing_attribute_counts_from_zero,
                adding_a_negative_number_subtracts,
                adding_to_what_is_no_number_is_invalid,
                removing_an_attribute_that_is_not_there_changes_nothing,
                several_updates_of_one_item_happen_together,
                setting_a_value_replaces_it_whole,
            }
            transactions {
                all_actions_happen_or_none,
                every_action_has_its_reason_in_its_place,
                conditions_see_the_items_as_they_stood_before,
                a_transaction_of_100_actions_works,
                a_transaction_across_tables_works,
                a_transaction_that_breaks_a_rule_is_invalid_and_does_nothing,
                a_key_that_is_empty_or_too_long_is_invalid,
                a_value_that_no_engine_could_keep_is_invalid,
                a_token_makes_a_second_delivery_harmless,
                a_token_with_other_actions_is_refused,
                without_a_token_a_transaction_happens_twice,
            }
            contention {
                exactly_the_stock_is_sold_to_64_buyers,
                no_increment_of_64_is_lost_to_compare_and_set,
                additions_of_64_writers_add_up,
                transfers_in_opposite_order_neither_deadlock_nor_lose,
                one_of_64_claims_wins,
                a_token_used_by_many_at_once_takes_effect_once,
            }
        }
    };
}

/// The list of [`items_contract!`] as tests.
#[macro_export]
#[doc(hidden)]
macro_rules! contract_facts {
    ($make:path => $($topic:ident { $($fact:ident),* $(,)? })*) => { $($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $fact() {
            let fixture = $make($crate::contract::TABLES).await;
            $crate::contract::items::$topic::$fact(fixture.items.clone()).await;
        }
    )*)* };
}

/// Runs every fact of [`limiter`] as a test of its own, each on fresh counters made by
/// `async fn() -> impl limiter::Counters`. The calling crate needs tokio with `macros`. Attributes
/// before the function's name are each test's: `#[ignore = "needs a server"]`.
#[macro_export]
macro_rules! limiter_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::limiter_facts! { [$(#[$attribute])*] $make =>
            of_64_callers_at_once_exactly_the_limit_is_allowed,
            what_remains_counts_down_to_nothing,
            no_two_of_64_callers_are_told_the_same_remainder,
            subjects_are_counted_apart,
            classes_are_counted_apart,
            a_caller_that_waits_as_long_as_a_refusal_says_is_allowed,
            a_window_slides_or_begins_anew_as_the_adapter_declares,
            what_was_refused_is_not_counted,
            a_lower_limit_counts_what_was_taken_under_a_higher_one,
            an_allowed_request_hears_when_there_will_be_more,
            what_two_limits_allow_counts_in_both,
            what_one_of_two_limits_refuses_counts_in_neither,
            of_64_callers_with_shares_exactly_the_total_is_allowed,
            of_64_callers_of_one_share_exactly_the_share_is_allowed_and_counted_in_total,
            a_caller_that_waits_as_long_as_one_of_two_limits_says_is_allowed,
        }
    };
}

/// The list of [`limiter_contract!`] as tests.
#[macro_export]
#[doc(hidden)]
macro_rules! limiter_facts {
    ($attributes:tt $make:path => $($fact:ident),* $(,)?) => {
        $( $crate::limiter_fact! { $attributes $make => $fact } )*
    };
}

#[macro_export]
#[doc(hidden)]
macro_rules! limiter_fact {
    ([$($attribute:tt)*] $make:path => $fact:ident) => {
        $($attribute)*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $fact() {
            let counters = ::std::sync::Arc::new($make().await);
            $crate::contract::limiter::$fact(counters).await;
        }
    };
}

#[cfg(test)]
mod tests {
    const LIST: &str = include_str!("contract.rs");

    const TOPICS: [&str; 9] = [
        include_str!("contract/items/values.rs"),
        include_str!("contract/items/batches.rs"),
        include_str!("contract/items/queries.rs"),
        include_str!("contract/items/indexes.rs"),
        include_str!("contract/items/scans.rs"),
        include_str!("contract/items/conditions.rs"),
        include_str!("contract/items/updates.rs"),
        include_str!("contract/items/transactions.rs"),
        include_str!("contract/items/contention.rs"),
    ];

    #[test]
    fn every_fact_that_is_written_is_on_the_list() {
        let facts = TOPICS.iter().flat_map(|topic| topic.split("pub async fn ").skip(1));

        let forgotten: Vec<&str> = facts
            .filter_map(|rest| rest.split('(').next())
            .filter(|fact| !LIST.contains(&format!("                {fact},\n")))
            .collect();

        assert!(forgotten.is_empty(), "not run by any adapter: {forgotten:?}");
    }

    #[test]
    fn every_fact_of_the_limiter_is_on_its_list() {
        let facts = include_str!("contract/limiter.rs").split("pub async fn ").skip(1);

        let forgotten: Vec<&str> = facts
            .filter_map(|rest| rest.split('(').next())
            .filter(|fact| !LIST.contains(&format!("            {fact},\n")))
            .collect();

        assert!(forgotten.is_empty(), "not run by any adapter: {forgotten:?}");
    }
}
