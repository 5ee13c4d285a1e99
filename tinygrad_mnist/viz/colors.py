"""The colours and the font of all pictures.

Dark text stands on pale fills, white text on dark ones; lines and words beside boxes show on white and on black paper.
What a colour tells is told by shape or words, too. Look next at layout.py.
"""

INK, LINE = "#1f2937", "#808893"  # text on pale fills; edges and frames, readable on white and on black
FILLS = {  # kind of value: fill, border
    "parameter": ("#d3e5fb", "#5b8fd0"),
    "input": ("#d6efd8", "#57a361"),
    "constant": ("#eceff3", "#a3abb7"),
    "result": ("#fbf8ef", "#c5bda6"),
    "output": ("#ffdfb5", "#dd8b34"),
}
OPERATION, BACKWARD, FOLDED, CULPRIT = "#475569", "#7c4d79", "#e4e2f3", "#b3261e"
FONT = "Helvetica,Arial,sans-serif"
