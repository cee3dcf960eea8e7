//! A settings file as a layer.

use std::io;

use config::{File, FileFormat, Source};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::{Layer, SettingOrigin, location};

/// Parses a file. A read error becomes a problem of the layer.
pub(super) fn parse_layer(file: String, text: io::Result<String>) -> Layer {
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            let problem = format!("cannot read the settings file {file}: {error}");
            let mut layer = Layer::new(file, "");
            layer.problems.push((None, problem));
            layer.is_unreadable = true;
            return layer;
        }
    };
    let mut layer = Layer::new(file, &text);
    match (DeTable::parse(&text), text.parse::<toml::Table>()) {
        (Ok(tree), Ok(_)) => add_origins(&mut layer, &text, "", tree.get_ref()),
        (Err(error), _) | (_, Err(error)) => {
            let location = location(&text, error.span().unwrap_or_default());
            let origin = SettingOrigin::File(location, location);
            layer.add_problem(origin, true, &error.message().replace('\n', ", "), None);
            layer.is_unreadable = true;
            return layer;
        }
    }
    match File::from_str(&text, FileFormat::Toml).collect() {
        Ok(settings) => layer.settings = settings,
        Err(error) => layer.problems.push((None, error.to_string())),
    }
    layer
}

fn add_origins(layer: &mut Layer, text: &str, prefix: &str, table: &DeTable<'_>) {
    for (key, value) in table {
        let key_location = location(text, key.span());
        let origin = SettingOrigin::File(key_location, location(text, value.span()));
        let name = format!("{prefix}{}", key.get_ref());
        add_value_origins(layer, text, &name, value);
        layer.origins.insert(name, origin);
    }
}

fn add_value_origins(layer: &mut Layer, text: &str, name: &str, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Table(table) => add_origins(layer, text, &format!("{name}."), table),
        DeValue::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                let (name, at) = (format!("{name}[{index}]"), location(text, element.span()));
                add_value_origins(layer, text, &name, element);
                layer.origins.insert(name, SettingOrigin::File(at, at));
            }
        }
        _ => {}
    }
}
