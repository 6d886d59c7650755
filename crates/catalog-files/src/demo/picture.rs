//! Pictures for the demo catalogue: a drawing for each kind of product, in the product's colour.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use crate::demo::table::{Model, TABLES};

/// The colours of the tables. One that is added to a table is added here; a test checks it.
const COLOURS: [(&str, u32); 34] = [
    ("amber", 0xd98e2b),
    ("black", 0x3a3a3d),
    ("blush", 0xe3b3a8),
    ("brass", 0xc29a4b),
    ("brick", 0xb04f3a),
    ("charcoal", 0x4f5459),
    ("clay", 0xc67f5c),
    ("copper", 0xc47446),
    ("cream", 0xf1e6cf),
    ("forest", 0x3f6650),
    ("grey", 0x9b9e9f),
    ("indigo", 0x3f4a7d),
    ("lilac", 0xb3a0cf),
    ("moss", 0x748049),
    ("mustard", 0xd6a53a),
    ("navy", 0x2f4463),
    ("oak", 0xcfa671),
    ("oat", 0xdfcfb2),
    ("olive", 0x6b6b3c),
    ("plum", 0x7a4568),
    ("rose", 0xcc7385),
    ("rust", 0xb96034),
    ("sage", 0x9fb196),
    ("sand", 0xd8bd92),
    ("sky", 0x86b4d1),
    ("slate", 0x687a88),
    ("steel", 0xb4babd),
    ("teal", 0x388085),
    ("walnut", 0x7d5739),
    ("white", 0xf6f4ef),
    // What drawings have besides the product's own colour.
    ("wood", 0xb07f53),
    ("metal", 0xbfc3c4),
    ("ink", 0x363431),
    ("paper", 0xfbf7ee),
];

/// Soft grounds: the wall and the floor. All are darker than white goods and lighter than black.
const GROUNDS: [(u32, u32); 8] = [
    (0xe6dccb, 0xd5c6ae),
    (0xd3dfdc, 0xbbcdc9),
    (0xead8cf, 0xd9c0b4),
    (0xd5dce6, 0xbec8d6),
    (0xdddfca, 0xc8ccae),
    (0xe2d6df, 0xcebfcb),
    (0xecdfc0, 0xdbca9f),
    (0xd9d9d6, 0xc4c4c0),
];

const BLACK: u32 = 0x1d1b1a;
const WHITE: u32 = 0xffffff;

/// Kind → the fragment of SVG that draws it, with `@b` where its colour goes.
static SHAPES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let sections = include_str!("tables/shapes.txt").split('[').filter_map(|section| {
        let (kinds, fragment) = section.split_once("]\n")?;
        Some((kinds, fragment.trim()))
    });

    sections
        .flat_map(|(kinds, fragment)| kinds.split('|').map(move |kind| (kind, fragment)))
        .collect()
});

/// Name of the picture → product and colour.
static PICTURES: LazyLock<HashMap<String, (&'static Model, &'static str)>> = LazyLock::new(|| {
    let tables: &'static _ = &*TABLES;
    let pictures = |model: &'static Model| {
        model.colours.iter().map(move |colour| (model.picture_name(colour), (model, *colour)))
    };

    tables.models.iter().flat_map(pictures).collect()
});

/// The drawing behind `/images/{name}.svg`: an SVG of at most 4 KB, the same every time. `None`
/// when the demo catalogue has no picture of that name.
pub fn picture(name: &str) -> Option<String> {
    let (model, colour) = PICTURES.get(name)?;

    Some(draw(model, colour))
}

fn draw(model: &Model, colour: &str) -> String {
    let base = rgb(colour);
    let seed = model.seed();
    let (wall, floor) = GROUNDS[(seed >> 40) as usize % GROUNDS.len()];
    let sun_x = 90 + (seed >> 48) % 220;
    let palette = [
        ("@bg", wall),
        ("@gl", mix(wall, WHITE, 55)),
        ("@g2", rgb("moss")),
        ("@b", base),
        ("@d", mix(base, BLACK, 32)),
        ("@l", mix(base, WHITE, 34)),
        ("@w", rgb("wood")),
        ("@m", rgb("metal")),
        ("@k", rgb("ink")),
        ("@p", rgb("paper")),
        ("@c", 0x5b3a28),
        ("@y", 0xf6d98a),
        ("@r", 0xc24a35),
    ];
    let shape =
        palette.iter().fold(SHAPES[model.kind].replace('\n', ""), |shape, (token, value)| {
            shape.replace(token, &hex(*value))
        });
    let mut svg = String::with_capacity(shape.len() + 1_024);

    // Writing to a string can't fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\" role=\"img\" \
         aria-labelledby=\"t\"><title id=\"t\">{title}</title>\
         <rect width=\"400\" height=\"400\" fill=\"{wall}\"/>\
         <circle cx=\"{sun_x}\" cy=\"150\" r=\"128\" fill=\"{glow}\"/>\
         <path fill=\"{floor}\" d=\"M0 306q200-22 400 0v94H0z\"/>\
         <ellipse cx=\"200\" cy=\"332\" rx=\"140\" ry=\"15\" fill=\"{shade}\"/>\
         <g fill=\"{base}\" stroke=\"{line}\" stroke-width=\"4\" stroke-linejoin=\"round\" \
         stroke-linecap=\"round\">{shape}</g></svg>",
        title = escaped(&model.alt(colour)),
        wall = hex(wall),
        glow = hex(mix(wall, WHITE, 40)),
        floor = hex(floor),
        shade = hex(mix(floor, BLACK, 14)),
        base = hex(base),
        line = hex(mix(base, BLACK, 58)),
    );
    svg
}

fn rgb(colour: &str) -> u32 {
    let known = COLOURS.iter().find(|(name, _)| *name == colour);

    known.expect("the tests draw every product in every colour").1
}

/// `percent` of `with` in `colour`, channel by channel.
fn mix(colour: u32, with: u32, percent: u32) -> u32 {
    [16, 8, 0].into_iter().fold(0, |mixed, shift| {
        let channel = |colour: u32| (colour >> shift) & 0xff;
        let parts = channel(colour) * (100 - percent) + channel(with) * percent;
        mixed | ((parts / 100) << shift)
    })
}

fn hex(colour: u32) -> String {
    format!("#{colour:06x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
