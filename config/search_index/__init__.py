from config.search_index.entries import SearchEntry, build_entry
from config.search_index.queries import Match, Matches, Term, find_matches, parse_term
