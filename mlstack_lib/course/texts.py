"""Texts for the chapters to train on."""

HARBOUR = """\
There was a small harbour under a green hill. It had a stone wall and a lighthouse on the wall.
Mara kept the lamp in the lighthouse. Tom had a red boat and went out for fish.
Old Ben built boats in the yard, and Rosa baked bread in the house by the steps.
A brown dog called Pip lived with all of them, for he went where the bread was warm.

In the morning the sea was grey and still. Tom took the red boat out of the harbour.
Pip sat in the front of the boat and looked at the sea. The wind was small and came from the west.
Tom let the net down and waited. When he pulled the net up, there were nine fish in it.
"Nine is good," said Tom, and he turned the boat and went home.

Every evening Mara climbed the steps of the lighthouse. There were sixty steps.
She knew them all. At the top she opened the lamp and cleaned the glass. Then she lit the lamp.
The light went over the harbour and over the sea. It went round and round all night.
"Now the boats can see the wall," said Mara, and she sat down with her book.

Rosa was up before the sun. She lit the fire and made the bread.
When the bread was warm, the smell went down the steps and along the wall.
Then Pip came and sat at the door. "Good morning, Pip," said Rosa.
She gave him the end of a loaf. Pip took the bread in his mouth and ran to the yard.

Old Ben had wood in the yard, long wood and short wood. He was making a new boat for Tom.
The red boat was old, and it let the water in. "How long will it take?" said Tom.
"It will take the winter," said Old Ben. "A good boat takes a winter."
So Tom went out in the red boat, and in the evening he took the water out of it.

One day the wind came from the north. It was a cold wind, and the sea was white.
The boats stayed in the harbour, and the people stayed in the houses.
Tom sat by the fire with Rosa, and Rosa made soup of fish. "When will the wind turn?" said Tom.
"The wind will turn when it turns," said Rosa. In the night the wind turned to the west.

Mara saw a light on the sea. It was a small light, and it went up and down.
She took the big bell and rang it. The bell was heard in all the houses under the hill.
Tom and Old Ben ran along the wall to the boat. They went out of the harbour and into the dark.
When they came back, there was a man in the boat. He was cold and wet, but he was well.

The man was called Anders. He came from the island, and his boat was at the bottom of the sea.
Rosa gave him soup and bread. Mara gave him a warm coat.
"I can work," said Anders. "I can work with wood." So he went to the yard to help Old Ben.
Now there were two men at the new boat, and the work went well.

In the winter the days were short. The sun came up late over the hill and went down early.
There was snow on the wall and ice on the steps. Mara went up the steps with care.
She cleaned the snow from the glass, and she lit the lamp before the evening came.
The light went over the white sea. It went round and round all night.

Pip did not like the snow. He sat by the fire in the house of Rosa, and he looked at the door.
When Tom opened the door, the cold came in. "Close the door," said Rosa.
Tom closed the door and sat down by Pip. "There is no fish in the winter," said Tom.
"But there is bread," said Rosa, and she gave him a loaf.

The new boat was made of oak. Old Ben cut the wood and Anders bent it over the fire.
They worked in the morning and they worked in the evening. Pip lay on the floor of the yard.
"What colour will it be?" said Anders. "Tom has a red boat," said Old Ben.
"Then the new boat will be blue," said Anders. "Blue is the colour of the sea."

When the snow was gone, the hill was green. The people came out of the houses and sat on the wall.
Old Ben opened the doors of the yard, and there was the new boat. It was blue, and it was long.
All the people pulled. The boat went down to the water, and the water took it.
It let no water in. "A good boat takes a winter," said Old Ben.

Tom took the blue boat out of the harbour. Anders went with him, and Pip sat in the front.
The wind was small and came from the south. They let the net down and waited.
When they pulled the net up, there were ninety fish in it. "Ninety is good," said Tom.
They turned the boat and went home, and there was soup for all the people under the hill.

On the day of the market the harbour was full of boats. They came from the island.
They came from the north. There was bread on the tables, and there was fish.
There was warm milk for the children.
Rosa had fifty loaves in the morning, and in the evening she had none.
"The market is good," said Rosa, and she gave the last of the milk to Pip.

A boy came to the lighthouse. He was called Nils, and he was the son of the man with the mill.
"Can I see the lamp?" said Nils. "There are sixty steps," said Mara. "I can count," said Nils.
He went up the steps and counted them. At the top he said, "There are sixty and one."
Mara went down and counted the steps. The boy was right, and she laughed.

From then on Nils came to the lighthouse every evening.
He carried the oil and he cleaned the glass. Mara showed him the stars over the sea.
"That star is in the north," said Mara. "When there is no light, the boats look for that star."
Nils looked at the star for a long time.
Then he lit the lamp, and the light went round and round all night.

One morning there was fog. It lay on the sea and on the harbour, and the hill was gone.
Tom was out in the blue boat. He did not see the wall, and he did not see the lighthouse.
Mara rang the big bell. She rang it and waited, and then she rang it again.
Tom heard the bell and turned the boat to it. So he came home through the fog.

The red boat lay in the yard. It was old, and it let the water in.
"What will you do with it?" said Nils. "It is good wood," said Old Ben. "It can be a table."
"It can be a boat," said Nils. Old Ben looked at the boy and he looked at the boat.
"A good boat takes a winter," said Old Ben. "Come in the morning, and bring bread."

So Nils learned to work with wood. He cut it and he bent it over the fire.
In the morning he was in the yard, and in the evening he was in the lighthouse.
Anders showed him how to make an oar. Old Ben showed him how to wait.
When the winter was over, the red boat let no water in, and Nils had a boat.

Rosa made a loaf in the form of a boat. It was long, and it had a small sail of sugar.
"That is for Nils," said Rosa. Pip looked at the loaf, and he looked at Rosa.
"No, Pip," said Rosa. She put the loaf on the table and went to the door.
When she came back, the table was there and the loaf was gone.

In the summer the days were long and the sea was warm. The children swam in the harbour.
The wind was small and came from the south, and the boats went far out.
In the evening the people sat on the wall and looked at the sea.
Tom sang, and Anders sang with him. Mara heard the song at the top of the lighthouse.
She lit the lamp late, for it was still light.

Anders looked to the island every evening. "Do you want to go home?" said Rosa.
"My mother is on the island," said Anders. "She is old, and she has a house with a blue door."
"Then take the blue boat," said Tom. "It knows the sea."
So Anders went to the island in the morning. When he came back, his mother was in the boat.
She had the blue door with her.

Nils made a small boat of wood, as long as his hand. He put it in the water by the steps.
The wind took it along the wall and out of the harbour. "Now it is gone," said Nils.
"The sea gives back what it takes," said Tom. "Wait for the wind to turn."
In the night the wind turned, and in the morning the small boat lay by the steps.

There was a cat on the island, a grey cat with one white foot. It came home in the blue boat.
Pip looked at the cat and the cat looked at Pip. Then the cat sat down by the fire.
"That is the place of Pip," said Rosa. But Pip lay down by the cat, and the fire was warm.
So the dog and the cat lived in the house of Rosa, and there was milk and bread for all.

One evening the oil was gone. Mara looked for oil in the lighthouse, and there was none.
She went down the steps and along the wall to the house of Rosa. "Do you have oil?" said Mara.
"I have oil for the bread," said Rosa. "Then the bread must wait," said Mara.
In the morning there was no bread, but all the boats were in the harbour.

They built a house for her under the hill, and they put the blue door in it.
Rosa gave her bread and Tom gave her fish. Old Ben made her a table of oak.
"It is a good house," said the mother of Anders, and she sat down at the table.
In the evening the light of the lamp came in at the window, and it went round and round all night.

The wind came from the north again, and it was the cold wind. The sea was white.
It came over the wall. Mara was ill and lay in the house of Rosa.
"Who will light the lamp?" said Mara. Nils ran along the wall and up the steps.
He counted them in the dark, sixty and one. He cleaned the glass and lit the lamp.
All the boats came home that night.

There is a small harbour under a green hill. It has a stone wall and a lighthouse on the wall.
Nils keeps the lamp now, and Mara reads her book by the fire.
There is a new dog at the door of Rosa. In the yard there is wood. Old Ben is building a boat.
When the evening comes, the light goes over the sea. It goes round and round all night.
"""
"""A small text written for the course: 28 short stories, a blank line between them."""
