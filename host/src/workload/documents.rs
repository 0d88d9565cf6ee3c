//! The documents of a YAML file: [`documents`].

/// Splits a YAML file at its `---` and `...` lines. Documents without content
/// are left out.
///
/// Each document begins with as many empty lines as there are lines before it
/// in the file, so that places in it are those in the file.
pub(super) fn documents(text: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let mut current = String::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match marker(line) {
            None => current.push_str(line),
            Some(rest) => {
                end(&mut documents, &mut current);
                current = "\n".repeat(index);
                // The columns stay those of the file.
                current.push_str("   ");
                current.push_str(rest);
            }
        }
    }
    end(&mut documents, &mut current);
    documents
}

/// Returns what follows the marker in a line that begins or ends a document. A
/// line with one in its first column is such a line even in a text of several
/// lines, which is indented.
fn marker(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("---")
        .or_else(|| line.strip_prefix("..."))?;
    rest.chars()
        .next()
        .is_none_or(char::is_whitespace)
        .then_some(rest)
}

fn end(documents: &mut Vec<String>, current: &mut String) {
    let document = std::mem::take(current);
    let has_content = document.lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%')
    });
    if has_content {
        documents.push(document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_lines() {
        let text =
            "# first\na: 1\n--- # next\nb: |\n  ---\n  text\n...\n---\n---   \n%YAML 1.2\n--- c\n";
        assert_eq!(
            documents(text),
            [
                "# first\na: 1\n",
                "\n\n    # next\nb: |\n  ---\n  text\n",
                "\n\n\n\n\n\n\n\n\n\n    c\n"
            ]
        );
        assert_eq!(documents("---\r\na: 1\r\n---\r\nb: 2").len(), 2);
        assert!(documents("").is_empty() && documents("---\n# nothing\n").is_empty());
        assert_eq!(documents("a: 1\n----\n").len(), 1, "no marker");
    }
}
