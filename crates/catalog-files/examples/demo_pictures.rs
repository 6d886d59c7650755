//! Writes the demo's pictures into a folder, to look at them: `cargo run --example demo_pictures DIR`.

use std::error::Error;
use std::path::PathBuf;

use catalog_files::demo;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("name a folder")?);
    std::fs::create_dir_all(&folder)?;

    for image in demo::rows().iter().flat_map(|row| &row.images) {
        let file = image.url.as_str().trim_start_matches("/images/");
        let svg = demo::picture(file.trim_end_matches(".svg")).ok_or("no such picture")?;
        std::fs::write(folder.join(file), svg)?;
    }
    Ok(())
}
