"""What tables, figures and pages are put together from: styles, words, columns, sections, checksums."""
