"""HTML to text that can be read on paper: tags, tables, and what is not seen."""
