//! How fast rows go in: `cargo run --release --example import_speed [ROWS]`.

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use catalog_files::{CatalogFile, Format, ImportJob, Importer, Mapping, export};
use domain::Currency;
use embedded::{SqliteItems, SystemWorld};
use ports::{Items, World};
use store::{Actor, Catalog, Db};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let rows: usize = std::env::args().nth(1).map_or(Ok(100_000), |rows| rows.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.csv");
    std::fs::write(&path, table(rows)?)?;

    let items: Arc<dyn Items> =
        Arc::new(SqliteItems::open(&folder.path().join("shop.db"), store::schema::TABLES)?);
    let world: Arc<dyn World> = Arc::new(SystemWorld);
    let catalog = Catalog::over(Db::new(items.clone(), world.clone()));
    let importer = Importer::new(catalog.clone(), items, world, Actor::command("import"));
    let job = ImportJob {
        file: CatalogFile::At(path),
        mapping: Mapping::default(),
        notation: Currency::USD.into(),
        dry_run: false,
    };

    for round in ["new", "again"] {
        let begun = Instant::now();
        let report = importer.run(&job, &mut ()).await?;
        print_speed(round, report.tally.rows(), begun);
        println!("      {:?}", report.tally);
    }
    let begun = Instant::now();
    let count = export(&catalog, std::io::sink(), Format::Csv, Currency::USD).await?;
    print_speed("export", count, begun);
    Ok(())
}

fn print_speed(what: &str, rows: u64, begun: Instant) {
    let millis = begun.elapsed().as_millis().max(1);
    println!("{what:>6}: {rows} rows in {millis} ms, {} rows/s", u128::from(rows) * 1_000 / millis);
}

fn table(rows: usize) -> Result<String, std::fmt::Error> {
    let mut text =
        "sku,name,description,category,price,stock,brand,image,featured,attributes.colour\n"
            .to_owned();

    for row in 0..rows {
        writeln!(
            text,
            "SKU-{row},Product number {row},\"A fair description, with a comma and about as many \
             words as a shop writes when it has a hundred thousand things to sell.\",Root {} > Leaf \
             {},{}.{:02},{},Brand {},{row}.jpg,no,blue",
            row % 5,
            row % 40,
            row % 200,
            row % 100,
            row % 50,
            row % 30,
        )?;
    }
    Ok(text)
}
