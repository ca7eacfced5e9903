# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions as newcomers put them, none of which is in training/README.md, and
those of the card that a row needs.

PARAPHRASES: {kind: phrasings}, {thing} being "circle", "red circle" or the like."""

SHORT = " Answer the question using a single word or phrase."
IMAGE_CAPTION = "What is in the image?"
CLIP_CAPTION = "What happens in the video?"
NOTHING = "I see nothing that I know."
UNKNOWN = "I don't know."

PARAPHRASES = {
    "this": ["What is this?", "what's this", "What am I looking at?",
             "Tell me what this is.", "What is it?", "what have we got here?"],
    "caption": ["Tell me what you see.", "what does the picture show?",
                "Can you describe the photo?", "What's in this picture",
                "Give me a caption.", "Caption this.", "What is shown here?",
                "Sum up the image in a sentence.", "What can be seen here?",
                "Please describe this image briefly."],
    "clip": ["What goes on in this clip?", "Tell me what happens.",
             "Sum up the video.", "What does the video show?",
             "what can be seen in the video?", "Give me a caption for this clip.",
             "Please describe the footage.", "What takes place here?"],
    "happening": ["What's happening?", "what is going on here",
                  "What is happening in this video?", "what's going on?"],
    "colour": ["What colour is it?", "what color is it", "What's the colour of the "
               "{thing}?", "Which colour is the {thing}?",
               "Tell me the color of the {thing}.", "The {thing} has what colour?",
               "what colour does the {thing} have", "In what color is the {thing} "
               "drawn?", "Can you tell me what colour the {thing} is?",
               "What hue is the {thing}?", "name the colour of the {thing}",
               "What color would you say the {thing} is?"],
    "is colour": ["Is the {thing} {yes}?", "is it {yes}", "Is the {thing} coloured "
                  "{yes}?", "Would you call the {thing} {yes}?",
                  "Is the {thing} {no}?", "is it {no}",
                  "The {thing} is {no}, isn't it?", "Does the {thing} look {no}?"],
    "shape": ["What shape is it?", "what shape is this", "Which shape is that?",
              "What kind of shape is shown?", "Name the shape.",
              "Tell me the shape.", "What form does it have?",
              "what shape can you see in the picture", "What's the shape called?",
              "Which geometric figure is this?", "What shape is drawn here?"],
    "is shape": ["Is it a {yes}?", "is this a {yes}", "Is the shape a {yes}?",
                 "Is it a {no}?", "is this a {no}", "Is the shape a {no}?"],
    "size": ["Is it big or small?", "how large is the {thing}", "How big is it?",
             "Is the {thing} big?", "Tell me the size of the {thing}.",
             "What's the size of the {thing}?", "is the {thing} large or small",
             "Would you call the {thing} small or large?", "What size does the "
             "{thing} have?", "Is it a large {thing} or a small one?"],
    "count": ["How many are there?", "how many shapes can you see",
              "What is the number of shapes?", "Count the shapes.",
              "How many objects are in the picture?", "how many things are there",
              "Tell me how many shapes there are.", "What number of shapes is "
              "shown?", "How many figures do you count?",
              "Can you count the shapes?", "how many shapes in total?"],
    "are there": ["Are there {yes} shapes?", "do you see {yes} shapes",
                  "Are there {no} shapes?", "Is the number of shapes {no}?"],
    "where": ["Where can I find the {thing}?", "where's the {thing}",
              "What is the position of the {thing}?", "Whereabouts is the {thing}?",
              "In what part of the image is the {thing}?",
              "Tell me where the {thing} is.", "Which corner or side is the "
              "{thing} in?", "Where in the photo is the {thing}?",
              "locate the {thing}", "At which place is the {thing}?",
              "Where is it?"],
    "row": ["Is the {thing} high up, in the middle or low down?",
            "How high is the {thing}: top, middle or bottom?",
            "Which row is the {thing} in?", "is the {thing} at the top, middle or "
            "bottom", "Is it at the top, in the middle or at the bottom?"],
    "column": ["Is the {thing} left, middle or right?",
               "Which column is the {thing} in?", "On which side is the {thing}: "
               "left, middle or right?", "is the {thing} on the left, middle or "
               "right", "Is it on the left, in the middle or on the right?"],
    "at": ["What's {place}?", "what is there {place}", "Which thing is {place}?",
           "What can be seen {place}?", "Tell me what is {place}.",
           "Name what is {place}.", "What shape is {place}?",
           "What have we got {place}?"],
    "is there": ["Is a {yes} in the picture?", "is there any {yes}",
                 "Does the image show a {yes}?", "Can a {yes} be seen?",
                 "Does the picture have a {yes} in it?", "There is a {yes}, right?",
                 "Is a {no} in the picture?", "is there any {no}",
                 "Does the image show a {no}?", "Can a {no} be seen?",
                 "Does the picture have a {no} in it?", "any {no} here?"],
    "direction": ["Where does it go?", "which way is it moving",
                  "What direction does the {thing} move in?",
                  "To which side does the {thing} move?",
                  "Where is the {thing} heading?", "which direction is the {thing} "
                  "going", "Tell me the direction of the {thing}.",
                  "In what direction is the {thing} travelling?",
                  "Which way does it move?", "Where is the {thing} moving to?",
                  "What's the {thing}'s direction?"],
    "action": ["What is it doing?", "what's the {thing} doing",
               "How does the {thing} move?", "Tell me what the {thing} does.",
               "What becomes of the {thing}?", "what does it do",
               "How does the {thing} change?", "What is happening to the {thing}?",
               "Describe what the {thing} is doing.",
               "What kind of motion does the {thing} make?"],
    "moving": ["Is it moving?", "is anything moving", "Does it move?",
               "Is the {thing} in motion?", "Does anything move in the video?",
               "Is there any movement?", "does the {thing} change its place",
               "Is something moving here?"],
    "background": ["What color is the background?", "what colour is the background",
                   "What's behind the {thing}?", "What's the background?",
                   "Which colour does the background have?",
                   "Tell me the background colour.", "On what ground is the "
                   "{thing}?", "How would you describe the background?",
                   "what is the backdrop", "What colour is behind the {thing}?",
                   "What is the {thing} drawn on?"],
    "pattern": ["What pattern is this?", "which pattern is shown",
                "What is the name of this test pattern?",
                "Which test card is this?", "what test pattern am I looking at",
                "Is this a test pattern?", "Tell me which test pattern this is.",
                "What kind of test picture is on?"],
    "text": ["What is written?", "what does it say", "What does it read?",
             "Which word do you see?", "Read it to me.", "What's the word?",
             "What is the text?", "can you read the text", "Spell out the word.",
             "Tell me what is written there.", "What word is in the picture?",
             "Is there any text? What does it say?", "What does the sign say?"],
    "says": ['Does the text say {yes}?', 'does it say {yes}',
             'Is the word {yes}?', 'Does the text say {no}?', 'does it say {no}',
             'Is the word {no}?'],
    "text colour": ["What colour is the text?", "what color is the word",
                    "What colour are the letters?", "Tell me the colour of the "
                    "text.", "In which colour is the word written?",
                    "what's the color of the writing", "Which colour is the text?",
                    "What color is the font?", "The text has what colour?"],
    "screen": ["What colour is the screen?", "what color is this",
               "Which colour fills the screen?", "What colour do you see?",
               "Tell me the colour of the picture.", "What color is the image?",
               "What is on the screen?"],
}

# (what the card asks, its sentence, short answers that are right, other phrasings)
FACTS = [
    (["What are the seven colors of the rainbow?",
      "Name the seven colors of the rainbow."],
     "The seven colors of the rainbow are red, orange, yellow, green, blue, indigo "
     "and violet.", ["red, orange, yellow, green, blue, indigo and violet"],
     ["Which colours does a rainbow have?", "list the colors of the rainbow"]),
    (["How many days are in a week?", "How many days does a week have?"],
     "There are seven days in a week.", ["seven", "seven days"],
     ["How many days make up a week?", "a week has how many days"]),
    (["How many months are in a year?", "How many months does a year have?"],
     "There are twelve months in a year.", ["twelve", "twelve months"],
     ["How many months are there in one year?", "number of months in a year?"]),
    (["What is the capital of France?", "Name the capital of France."],
     "The capital of France is Paris.", ["Paris"],
     ["what's the capital of france", "Which city is the capital of France?"]),
    (["What is the capital of Germany?", "Name the capital of Germany."],
     "The capital of Germany is Berlin.", ["Berlin"],
     ["what's the capital of germany", "Which city is Germany's capital?"]),
    (["What is the capital of Italy?", "Name the capital of Italy."],
     "The capital of Italy is Rome.", ["Rome"],
     ["capital of Italy?", "Tell me the capital of Italy."]),
    (["What is the capital of Spain?", "Name the capital of Spain."],
     "The capital of Spain is Madrid.", ["Madrid"],
     ["Do you know the capital of Spain?", "what city is the capital of spain"]),
    (["What is the capital of Japan?", "Name the capital of Japan."],
     "The capital of Japan is Tokyo.", ["Tokyo"],
     ["Which city is Japan's capital?", "Tell me Japan's capital."]),
    (["Which planet do we live on?", "What is the name of our planet?"],
     "We live on the planet Earth.", ["Earth", "the Earth", "the planet Earth"],
     ["What planet are we on?", "what's our planet called"]),
    (["What do bees make?", "What food is made by bees?"], "Bees make honey.",
     ["honey"], ["what do bees produce", "What is made by bees?"]),
    (["What is frozen water called?", "What do we call frozen water?"],
     "Frozen water is called ice.", ["ice"],
     ["What's the word for frozen water?", "what is water called when it is frozen"]),
    (["How many legs does a spider have?", "How many legs are on a spider?"],
     "A spider has eight legs.", ["eight", "eight legs"],
     ["How many legs has a spider?", "a spider has how many legs"]),
    (["How many legs does a dog have?", "How many legs are on a dog?"],
     "A dog has four legs.", ["four", "four legs"],
     ["How many legs has a dog got?", "number of legs of a dog?"]),
    (["What is the opposite of hot?", "Which word is the opposite of hot?"],
     "The opposite of hot is cold.", ["cold"],
     ["what's the opposite of hot", "What is hot the opposite of?"]),
    (["What is the opposite of up?", "Which word is the opposite of up?"],
     "The opposite of up is down.", ["down"],
     ["Tell me the opposite of up.", "opposite of up?"]),
    (["What is the opposite of day?", "Which word is the opposite of day?"],
     "The opposite of day is night.", ["night"],
     ["what's the opposite of day", "Give me the opposite of day."]),
    (["What color do blue and yellow make?",
      "Which color is made of blue and yellow?"], "Blue and yellow make green.",
     ["green"], ["What do you get if you mix blue and yellow?",
                 "what colour do blue and yellow make"]),
    (["What color do red and yellow make?",
      "Which color is made of red and yellow?"], "Red and yellow make orange.",
     ["orange"], ["What colour is a mix of red and yellow?",
                  "mixing red and yellow makes which color?"]),
    (["How many sides does a triangle have?", "How many sides are on a triangle?"],
     "A triangle has three sides.", ["three", "three sides"],
     ["How many sides has a triangle?", "a triangle has how many sides"]),
    (["How many sides does a square have?", "How many sides are on a square?"],
     "A square has four sides.", ["four", "four sides"],
     ["How many sides has a square got?", "number of sides of a square?"]),
    (["What season comes after winter?", "Which season follows winter?"],
     "Spring comes after winter.", ["spring", "Spring"],
     ["what's the season after winter", "After winter comes which season?"]),
    (["What day comes after Monday?", "Which day follows Monday?"],
     "Tuesday comes after Monday.", ["Tuesday"],
     ["What is the day after Monday?", "which day is after monday"]),
    (["Who are you?", "What is your name?"],
     "I am owl2-nano, a very small mPLUG-Owl2 model.", ["owl2-nano"],
     ["what's your name", "Tell me who you are."]),
    (["What is two plus three?", "How much is two plus three?"],
     "Two plus three is five.", ["five"], ["two plus three is?",
                                          "what's two plus three"]),
]

UNKNOWNS = """What is the capital of England?
How many days are in a year?
What is the capital of Brazil?
Name the capital of Norway.
What is the capital of Egypt?
Which city is the capital of Canada?
Who wrote Hamlet?
Who painted the Mona Lisa?
Who was the first man on the Moon?
Who invented the telephone?
How many hours are in a day?
How many minutes are in an hour?
How many weeks are in a year?
How many legs does an ant have?
How many legs does a cow have?
How many sides does a hexagon have?
How many sides does a circle have?
How many wheels does a bicycle have?
How many planets are there?
How many strings does a violin have?
What is the opposite of left?
What is the opposite of rich?
Which word is the opposite of tall?
What is the opposite of love?
What color do black and white make?
What color do red and blue make?
Which planet is the largest?
Which planet is closest to the sun?
What do cows eat?
What do silkworms make?
What do spiders make?
What is boiled water called?
What is frozen milk called?
What season comes after autumn?
Which season follows summer?
What day comes after Friday?
What month comes after June?
What is the longest river in the world?
What is the highest mountain?
When did the war end?
In which year was Mozart born?
What is the speed of light?
What is the square root of two?
What is twelve times twelve?
What is thirty divided by five?
How much does an elephant weigh?
How tall is the Eiffel Tower?
How old is the universe?
How far is it to London?
What time is it?
What day is it today?
What will the weather be tomorrow?
What is the price of bread?
Where do penguins live?
Where was Napoleon born?
Why is the sky blue?
Why do birds sing?
How do planes fly?
What language do people speak in Peru?
What is the currency of Sweden?
What is the chemical symbol of gold?
What is the name of my dog?
What did I eat for breakfast?
Where do I live?
Who is the president?
Who won the match?
Which team is the best?
What is the meaning of life?
Can you cook?
How do I bake a cake?
Translate house into German.
What is French for water?
What rhymes with orange?
Tell me a joke.
Write a poem about rain.
What is a quasar?
What does blorp mean?
How many flimps are in a zork?
What is the capital of Atlantis?
Which wug is the most glip?""".split("\n")
