//! The API's description as a page: made from the OpenAPI document, without a script.

use std::fmt::Write as _;

use axum::http::Method;
use domain::Code;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

use crate::route::operations;

pub const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1c2430;background:#fff}h1,h2{line-height:1.2}h2{margin-top:2.5rem}\
code{font:14px ui-monospace,monospace;background:#f2f4f7;padding:.1rem .3rem;border-radius:4px}\
.op{border:1px solid #dfe3ea;border-radius:8px;padding:.6rem 1rem;margin:.8rem 0}\
.op h3{margin:0;font-size:1rem}.m{display:inline-block;min-width:4.5rem;font-weight:700}\
table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0;vertical-align:top}\
@media(prefers-color-scheme:dark){body{color:#e6e9ef;background:#14181f}code{background:#222934}\
.op{border-color:#333c4a}a{color:#8ab4ff}}";

/// The whole page.
pub fn page(document: &OpenApi) -> String {
    let mut html = String::with_capacity(64 << 10);
    let title = escape(&document.info.title);
    let _ = write!(
        html,
        "<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width\"><title>{title}</title>\
<style>{STYLE}</style><h1>{title}</h1><p>{}</p><p>For programs: \
<a href=/openapi.json>/openapi.json</a>.</p>",
        escape(document.info.description.as_deref().unwrap_or_default())
    );
    for (tag, heading) in [("catalog", "Catalogue"), ("admin", "Admin"), ("ops", "Operation")] {
        let _ = write!(html, "<h2>{heading}</h2>");
        for (path, item) in &document.paths.paths {
            for (method, operation) in operations(item) {
                if operation.tags.iter().flatten().any(|own| own == tag) {
                    write_operation(&mut html, &method, path, operation);
                }
            }
        }
    }
    write_problems(&mut html);
    html
}

fn write_operation(html: &mut String, method: &Method, path: &str, operation: &Operation) {
    let _ = write!(
        html,
        "<section class=op><h3><span class=m>{method}</span><code>{}</code></h3><p>{}</p>",
        escape(path),
        escape(operation.summary.as_deref().unwrap_or_default())
    );
    let parameters = operation.parameters.iter().flatten();
    let rows: String = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .map(|parameter| {
            let about = parameter.description.as_deref().unwrap_or_default();
            format!("<tr><td><code>{}</code><td>{}", escape(&parameter.name), escape(about))
        })
        .collect();
    if !rows.is_empty() {
        let _ = write!(html, "<table>{rows}</table>");
    }
    let answers: Vec<_> = operation
        .responses
        .responses
        .iter()
        .map(|(status, response)| match response {
            RefOr::T(response) => format!("{status} {}", escape(&response.description)),
            RefOr::Ref(_) => status.clone(),
        })
        .collect();
    let _ = write!(html, "<p>{}</p></section>", answers.join(" · "));
}

fn write_problems(html: &mut String) {
    html.push_str(
        "<h2>Problems</h2><p>Every error is <code>application/problem+json</code> \
(RFC 9457) with a stable <code>code</code>.</p><table>",
    );
    for code in Code::ALL {
        let name = code.as_str();
        let _ = write!(
            html,
            "<tr id=problem-{name}><td><code>{name}</code><td>{}<td>{}",
            code.status(),
            escape(code.title())
        );
    }
    html.push_str("</table>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
