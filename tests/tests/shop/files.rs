//! Import and export, as a person at a terminal uses them.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::catalogue::{facet, json_lines, walk};
use tests::{Retail, World};

fn text(path: &std::path::Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere_and_is_the_same() -> Result<()> {
    let Some(retail) = Retail::find()? else { return Ok(()) };
    let (here, there) = (World::new()?, World::new()?);
    retail.import(&here).await?.must_exit(0)?;
    let first = here.run(&["export"]).await?.must_exit(0)?.stdout;
    let file = there.write("export.jsonl", &first)?;

    there.run(&["import", text(&file)?]).await?.must_exit(0)?;
    let second = there.run(&["export"]).await?.must_exit(0)?.stdout;

    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    ensure!(first.lines().count() == retail.products.len(), "{} lines", first.lines().count());
    let (first, second) = (sorted(&first), sorted(&second));
    for (left, right) in first.iter().zip(&second) {
        ensure!(left == right, "{left}\n{right}");
    }
    ensure!(first.len() == second.len(), "{} and {} lines", first.len(), second.len());
    Ok(())
}

#[tokio::test]
async fn a_misspelt_command_is_no_import_that_refused_some_rows() -> Result<()> {
    let world = World::new()?;

    for arguments in [&["import", "rows.csv", "--decimal", "x"][..], &["import"], &["imprt"]] {
        world.run(arguments).await?.must_exit(1)?;
    }
    world.run(&["--help"]).await?.must_exit(0)?;
    Ok(())
}

#[tokio::test]
async fn an_import_whose_list_can_not_be_written_stops_and_goes_on_when_it_is_run_again()
-> Result<()> {
    let world = World::new()?;
    let rows = "sku,name,category,price,stock\nA,Saw,Tools,5.00,1\nB,Axe,Tools,what,1\n";
    let file = world.write("rows.csv", rows)?;

    let full = ["import", text(&file)?, "--errors", "/dev/full"];
    let stopped = world.run(&full).await?.must_exit(1)?;
    let again = world.run(&full[..2]).await?.must_exit(2)?;

    ensure!(stopped.stderr.contains("goes on from there"), "{}", stopped.stderr);
    ensure!(again.stderr.contains("line 3: price"), "{}", again.stderr);
    ensure!(again.stderr.contains("refused 1"), "{}", again.stderr);
    Ok(())
}

#[tokio::test]
async fn a_file_without_rows_is_no_success() -> Result<()> {
    let world = World::new()?;
    let table = world.write("rows.csv", "sku,name,category,price,stock\n")?;
    let lines = world.write("rows.jsonl", "\n")?;

    for file in [&table, &lines] {
        for dry_run in [&["--dry-run"][..], &[]] {
            let arguments = [&["import", text(file)?], dry_run].concat();
            let ended = world.run(&arguments).await?.must_exit(1)?;

            ensure!(ended.stderr.contains("no rows"), "{}", ended.stderr);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_table_with_awkward_text_comes_out_as_it_went_in() -> Result<()> {
    let (here, there) = (World::new()?, World::new()?);
    let rows = "\u{feff}sku,name,description,category,price,stock,attributes.colour\r\n\
                q-1,\"Cup, large\",\"They said \"\"no\"\"\nand left\",Kitchen,1,2,rouge foncé\r\n\
                q-2,Größe Ω 茶,=SUM(A1),Kitchen > Cups,0.05,0,a;b\r\n\
                q-3,'; DROP TABLE items;--,<script>alert(1)</script>,Kitchen,99999.99,1,x\r\n";
    let file = here.write("rows.csv", rows)?;
    here.run(&["import", text(&file)?]).await?.must_exit(0)?;
    let (table, lines) = (here.path("out.csv"), here.path("out.jsonl"));
    here.run(&["export", text(&table)?]).await?.must_exit(0)?;
    here.run(&["export", text(&lines)?]).await?.must_exit(0)?;

    there.run(&["import", text(&table)?]).await?.must_exit(0)?;
    let again = there.path("again.jsonl");
    there.run(&["export", text(&again)?]).await?.must_exit(0)?;

    let (lines, again) = (fs::read_to_string(&lines)?, fs::read_to_string(&again)?);
    ensure!(lines == again, "{lines}\n{again}");
    let shop = there.open().await?;
    let listed = walk(shop.edge(), "/products?sort=price_asc", 3).await?;
    let names: Vec<_> = listed.iter().filter_map(|product| product["name"].as_str()).collect();
    ensure!(names == ["Größe Ω 茶", "Cup, large", "'; DROP TABLE items;--"], "{names:?}");
    ensure!(listed[0]["attributes"]["colour"] == "a;b", "{}", listed[0]);
    shop.close().await
}

/// A named pipe holds the first import up halfway, for as long as the test likes.
#[tokio::test]
async fn a_second_import_is_refused_while_one_runs_and_follows_one_that_was_killed() -> Result<()> {
    let world = World::new()?;
    let file = world.write("rows.jsonl", &json_lines(20))?;
    let pipe = world.path("pipe.jsonl");
    ensure!(std::process::Command::new("mkfifo").arg(&pipe).status()?.success(), "no mkfifo");
    let first = world.command_with(&["import", text(&pipe)?])?;
    let mut first = tokio::process::Command::from(first);
    let mut first = first.stdin(Stdio::null()).kill_on_drop(true).spawn()?;
    // It opens for writing once the import reads it, which the import does under its lease.
    let (opened, opening) = tokio::sync::oneshot::channel();
    thread::spawn(move || opened.send(fs::File::options().write(true).open(pipe)));
    let _writer = tokio::time::timeout(Duration::from_secs(60), opening).await???;

    let second = world.run(&["import", text(&file)?]).await?;
    let dry = world.run(&["import", text(&file)?, "--dry-run"]).await?;
    first.kill().await?;
    let third = world.run(&["import", text(&file)?]).await?;

    let second = second.must_exit(1)?.stderr;
    ensure!(second.contains("another import is running on this store"), "{second}");
    dry.must_exit(0)?;
    let third = third.must_exit(0)?.stderr;
    ensure!(third.contains("created 20, updated 0, unchanged 0, refused 0"), "{third}");
    Ok(())
}

#[tokio::test]
async fn rows_that_are_wrong_are_refused_one_by_one_and_the_others_are_in() -> Result<()> {
    let world = World::new()?;
    let rows = "sku,name,category,price,stock\n\
                a-1,Axe,Tools,19.99,3\n\
                a-2,,Tools,19.99,3\n\
                a-3,Adze,Tools,free,3\n\
                a-4,Awl,Tools,5,-1\n\
                a-5,Anvil,Tools,1e3,1\n\
                a-6,Auger,Tools,7.5,4\n";
    let file = world.write("rows.csv", rows)?;
    let errors = world.path("errors.jsonl");
    let arguments = ["import", text(&file)?, "--errors", text(&errors)?];

    let ended = world.run(&arguments).await?.must_exit(2)?;

    let refused = fs::read_to_string(&errors)?;
    for sku in ["a-2", "a-3", "a-5"] {
        ensure!(refused.contains(sku), "{sku} is not in the errors: {refused}");
    }
    for sku in ["a-1", "a-4", "a-6"] {
        ensure!(!refused.contains(sku), "{sku} is refused: {refused}");
    }
    ensure!(ended.stderr.contains("refused 3"), "how many? {ended:?}");
    let shop = world.open().await?;
    let listed = walk(shop.edge(), "/products?sort=name", 10).await?;
    let names: Vec<_> = listed.iter().filter_map(|product| product["name"].as_str()).collect();
    ensure!(names == ["Auger", "Awl", "Axe"], "{names:?}");
    ensure!(listed[0]["price"]["amount"] == 750, "{}", listed[0]);
    shop.close().await
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_do_and_does_nothing() -> Result<()> {
    let world = World::new()?;
    let file = world.write("rows.jsonl", &json_lines(20))?;

    world.run(&["import", text(&file)?, "--dry-run"]).await?.must_exit(0)?;

    let shop = world.open().await?;
    let list = shop.edge().get_json("/products").await?;
    ensure!(facet(&list, "category").is_empty(), "{list}");
    shop.close().await
}

#[tokio::test]
async fn a_dry_run_without_a_shop_compares_with_an_empty_catalogue_and_makes_none() -> Result<()> {
    let world = World::new()?;
    let rows = "sku,name,category,price,stock\n\
                a-1,Axe,Tools,19.99,3\n\
                a-2,,Tools,19.99,3\n";
    let file = world.write("rows.csv", rows)?;
    let before = names_in(&world.path("."))?;

    let refused = world.run(&["import", text(&file)?, "--dry-run"]).await?.must_exit(2)?.stderr;
    ensure!(!world.data().exists(), "it made {}", world.data().display());
    ensure!(names_in(&world.path("."))? == before, "it made {:?}", names_in(&world.path("."))?);
    fs::create_dir(world.data())?;
    let again = world.run(&["import", text(&file)?, "--dry-run"]).await?.must_exit(2)?.stderr;

    for said in [refused, again] {
        ensure!(said.contains("there is no shop in"), "{said}");
        ensure!(said.contains("would be created 1, updated 0, unchanged 0, refused 1"), "{said}");
        ensure!(said.contains("1 categories would be created"), "{said}");
    }
    ensure!(names_in(&world.data())?.is_empty(), "{:?}", names_in(&world.data())?);
    Ok(())
}

fn names_in(folder: &std::path::Path) -> Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        names.push(file?.file_name());
    }
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn a_file_of_which_nothing_can_be_read_does_nothing() -> Result<()> {
    let world = World::new()?;
    let cases: [(&str, &[u8]); 5] = [
        ("empty.csv", b""),
        ("no-columns.csv", b"a,b\n1,2\n"),
        ("binary.jsonl", b"\x00\xff\xfe\x00"),
        ("array.jsonl", b"[1,2,3]\n"),
        ("huge-line.jsonl", &[b'x'; 4 << 20]),
    ];

    for (name, bytes) in cases {
        let path = world.path(name);
        fs::write(&path, bytes)?;
        let ended = world.run(&["import", text(&path)?]).await?;
        let code = ended.status.code();

        ensure!(code == Some(1) || code == Some(2), "{name}: {ended:?}");
        ensure!(!ended.stderr.trim().is_empty(), "{name} is told nothing");
        ensure!(!ended.stderr.contains("panicked"), "{name}: {}", ended.stderr);
    }
    world.run(&["import", "no-such-file.csv"]).await?.must_exit(1)?;
    let nonsense = world.run(&["import", "x.csv", "--map", "nonsense"]).await?;
    ensure!(!nonsense.status.success() && nonsense.stderr.contains("nonsense"), "{nonsense:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_is_made_for_a_role_that_there_is() -> Result<()> {
    let world = World::new()?;

    let refused = world.run(&["admin-key", "create", "--name", "n", "--role", "king"]).await?;

    ensure!(!refused.status.success(), "{refused:?}");
    ensure!(refused.stderr.contains("owner"), "which roles are there? {}", refused.stderr);
    let key = world.admin_key("owner").await?;
    ensure!(key.len() >= 32, "a key of {} characters can be guessed", key.len());
    Ok(())
}

#[tokio::test]
async fn a_number_that_reads_in_two_ways_is_refused_until_its_decimal_sign_is_said() -> Result<()> {
    let world = World::new()?;
    let rows = "sku;name;category;price;stock\n\
                s-1;Sofa;Home;1.000;2.000\n\
                s-2;Lamp;Home;1.299,00;3\n";
    let file = world.write("rows.csv", rows)?;
    let errors = world.path("errors.jsonl");

    let arguments = ["import", text(&file)?, "--errors", text(&errors)?];
    let unsaid = world.run(&arguments).await?.must_exit(2)?;
    let said = world.run(&[&arguments[..], &["--decimal", ","]].concat()).await?.must_exit(0)?;
    let nonsense = world.run(&[&arguments[..], &["--decimal", ";"]].concat()).await?;

    ensure!(
        unsaid.stderr.contains("line 2: price: 1.000 is 1 with a decimal point"),
        "{}",
        unsaid.stderr
    );
    ensure!(unsaid.stderr.contains("--decimal ,"), "{}", unsaid.stderr);
    ensure!(unsaid.stderr.contains("created 1, updated 0, unchanged 0, refused 1"), "{unsaid:?}");
    ensure!(said.stderr.contains("created 1, updated 0, unchanged 1, refused 0"), "{said:?}");
    ensure!(!nonsense.status.success(), "{nonsense:?}");
    let exported = world.run(&["export"]).await?.must_exit(0)?.stdout;
    ensure!(exported.contains("\"price\":1000.00"), "{exported}");
    ensure!(exported.contains("\"stock\":2000"), "{exported}");
    Ok(())
}

#[tokio::test]
async fn what_is_left_out_of_a_row_is_told_counted_and_listed() -> Result<()> {
    let world = World::new()?;
    let rows = "sku,name,category,price,compare_at,stock,status,image\n\
                w-1,Saw,Tools,5.00,5.00,-2,whatever,\"/a.jpg,see shelf 4\"\n";
    let file = world.write("rows.csv", rows)?;
    let list = world.path("warnings.jsonl");

    let arguments = ["import", text(&file)?, "--warnings", text(&list)?];
    let ended = world.run(&arguments).await?.must_exit(0)?;

    let listed = fs::read_to_string(&list)?;
    ensure!(listed.lines().count() == 4, "{listed}");
    for column in ["compare_at", "stock", "status", "image"] {
        let named = format!("\"line\":2,\"column\":\"{column}\"");
        ensure!(listed.contains(&named), "{column} is not in the warnings: {listed}");
        ensure!(ended.stderr.contains(&format!("warning: line 2: {column}: ")), "{ended:?}");
    }
    ensure!(ended.stderr.contains("4 values left out or read differently"), "{ended:?}");
    let shop = world.open().await?;
    let shown = walk(shop.edge(), "/products", 1).await?;
    ensure!(shown.is_empty(), "a product with an unknown status is live: {shown:?}");
    shop.close().await
}

#[tokio::test]
async fn a_command_that_reads_makes_no_shop_where_there_is_none() -> Result<()> {
    let world = World::new()?;
    let id = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV";

    for arguments in [&["export"][..], &["admin-key", "list"], &["admin-key", "revoke", id]] {
        let ended = world.run(arguments).await?;

        ensure!(ended.status.code() == Some(1), "{arguments:?}: {ended:?}");
        ensure!(ended.stderr.contains("there is no shop"), "{arguments:?}: {ended:?}");
        ensure!(!world.data().exists(), "{arguments:?} made {}", world.data().display());
    }
    Ok(())
}

#[tokio::test]
async fn a_shop_that_is_killed_during_an_upload_leaves_no_file_behind() -> Result<()> {
    let world = World::new()?;
    let key = world.admin_key("owner").await?;
    let folder = world.path("temporary");
    fs::create_dir(&folder)?;
    let mut command =
        world.command_with(&["--no-demo", "--edge-port", "0", "--origin-port", "0"])?;
    let shop = tests::Shop::start(command.env("TMPDIR", &folder)).await?;
    let address = shop.origin().url().replace("http://", "");
    let mut upload = tokio::net::TcpStream::connect(&address).await?;
    let head = format!(
        "POST /admin/imports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-type: text/csv\r\nidempotency-key: k\r\ncontent-length: 1000000\r\n\r\n\
         sku,name,category,price\n"
    );
    tokio::io::AsyncWriteExt::write_all(&mut upload, head.as_bytes()).await?;

    // Until the shop has opened a file in there, with a name or without.
    tests::until(Duration::from_secs(30), "the upload has begun", async || {
        let files = fs::read_dir(format!("/proc/{}/fd", shop.id()))?;
        let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        Ok(targets.into_iter().find(|target| target.starts_with(&folder)))
    })
    .await?;
    shop.kill()?;

    let left: Vec<_> = fs::read_dir(&folder)?.collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}
